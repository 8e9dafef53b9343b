# Norwegian Bokmål message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minutt
       *[other] { $minutes } minutter
    }

sms = { $code } er koden din for { $brand }. Den gjelder i { minutes }. Ikke del den med noen.
    .encoding = gsm-7
sms-brief = { $code } er koden din for { $brand }. Ikke del den.
    .encoding = gsm-7
sms-payment =
    { $brand }-kode { $code } for betaling
    { $amount }
    til { $payee }
    Gjelder { minutes }. Ikke del.
    .encoding = gsm-7

call-hello = God dag. Dette er { $brand } med koden du ba om.
call-greeting = { call-hello } Trykk på 1 for å høre den.
call-code = Koden din er: { $code }
call-warning = Ikke del den med noen.
call-keys = { call-warning } Trykk på 1 for å høre den igjen. Hvis du ikke ba om denne koden, trykk på 9.
call-farewell = Ha det bra.
call-reported = Takk. Denne koden gjelder ikke lenger. Ha det bra.
call-payment =
    { $amount }
    til { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    til { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
