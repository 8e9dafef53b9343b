# Slovak message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minútu
        [few] { $minutes } minúty
       *[other] { $minutes } minút
    }

sms = { $code } je kód { $brand }, platí { $minutes } min. Nezdieľajte ho.
sms-brief = { $code } je kód { $brand }. Nikomu ho nedávajte.
sms-payment =
    { $code } je kód { $brand } na platbu
    { $amount }
    pre { $payee }
    Platí { minutes }. Nikomu ho nedávajte.

call-hello = Dobrý deň. Volá { $brand } s kódom, o ktorý ste požiadali.
call-greeting = { call-hello } Ak si ho chcete vypočuť, stlačte 1.
call-code = Váš kód je: { $code }
call-warning = Nikomu ho nedávajte.
call-keys = { call-warning } Ak si ho chcete vypočuť znova, stlačte 1. Ak ste o tento kód nežiadali, stlačte 9.
call-farewell = Dopočutia.
call-reported = Ďakujeme. Tento kód už neplatí. Dopočutia.
call-payment =
    { $amount }
    pre { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    pre { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
