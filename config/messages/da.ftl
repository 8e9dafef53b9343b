# Danish message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minut
       *[other] { $minutes } minutter
    }

sms = { $code } er din kode til { $brand }. Den gælder i { minutes }. Del den ikke med nogen.
    .encoding = gsm-7
sms-brief = { $code } er din kode til { $brand }. Del den ikke.
    .encoding = gsm-7
sms-payment =
    { $brand }-kode { $code } til betaling
    { $amount }
    til { $payee }
    Gælder { minutes }. Del ikke.
    .encoding = gsm-7

call-hello = Goddag. Det er { $brand } med den kode, du har bedt om.
call-greeting = { call-hello } Tryk på 1 for at høre den.
call-code = Din kode er: { $code }
call-warning = Del den ikke med nogen.
call-keys = { call-warning } Tryk på 1 for at høre den igen. Har du ikke bedt om denne kode, så tryk på 9.
call-farewell = Farvel.
call-reported = Tak. Koden gælder ikke længere. Farvel.
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
