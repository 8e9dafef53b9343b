# Czech message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minutu
        [few] { $minutes } minuty
       *[other] { $minutes } minut
    }

sms = { $code } je kód { $brand }, platí { $minutes } min. Nesdělujte ho.
sms-brief = { $code } je kód { $brand }. Nikomu ho nesdělujte.
sms-payment =
    { $code } je kód { $brand } pro platbu
    { $amount }
    pro { $payee }
    Platí { minutes }. Nikomu ho nesdělujte.

call-hello = Dobrý den. Volá { $brand } s kódem, o který jste požádali.
call-greeting = { call-hello } Pro jeho přehrání stiskněte 1.
call-code = Váš kód je: { $code }
call-warning = Nikomu ho nesdělujte.
call-keys = { call-warning } Pro zopakování stiskněte 1. Pokud jste o tento kód nežádali, stiskněte 9.
call-farewell = Na shledanou.
call-reported = Děkujeme. Tento kód již neplatí. Na shledanou.
call-payment =
    { $amount }
    pro { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    pro { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
