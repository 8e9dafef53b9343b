# British English: the texts of en.ftl, spoken by a British voice.
