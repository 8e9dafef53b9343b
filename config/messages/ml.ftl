# Malayalam message texts; en.ftl explains the form.

minutes = { $minutes } മിനിറ്റ്

sms = { $code } നിങ്ങളുടെ { $brand } കോഡ്, { minutes }. നൽകരുത്.
sms-brief = { $code } നിങ്ങളുടെ { $brand } കോഡ്. നൽകരുത്.
sms-payment =
    { $code } പണമടയ്ക്കാനുള്ള { $brand } കോഡ്
    { $amount }
    സ്വീകർത്താവ് { $payee }
    കാലാവധി { minutes }. ആർക്കും നൽകരുത്.

call-hello = നമസ്കാരം. നിങ്ങൾ ആവശ്യപ്പെട്ട കോഡ് അറിയിക്കാൻ { $brand } വിളിക്കുന്നു.
call-greeting = { call-hello } കോഡ് കേൾക്കാൻ 1 അമർത്തുക.
call-code = നിങ്ങളുടെ കോഡ്: { $code }
call-warning = ഇത് ആർക്കും നൽകരുത്.
call-keys = { call-warning } വീണ്ടും കേൾക്കാൻ 1 അമർത്തുക. ഈ കോഡ് ആവശ്യപ്പെട്ടിട്ടില്ലെങ്കിൽ 9 അമർത്തുക.
call-farewell = നന്ദി.
call-reported = നന്ദി. ഈ കോഡിന് ഇനി സാധുതയില്ല.
call-payment =
    { $amount }
    സ്വീകർത്താവ് { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    സ്വീകർത്താവ് { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
