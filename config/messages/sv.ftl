# Swedish message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minut
       *[other] { $minutes } minuter
    }

sms = { $code } är din kod för { $brand }. Den gäller i { minutes }. Dela den inte med någon.
    .encoding = gsm-7
sms-brief = { $code } är din kod för { $brand }. Dela den inte.
    .encoding = gsm-7
sms-payment =
    { $brand }-kod { $code } för betalning
    { $amount }
    till { $payee }
    Gäller { minutes }. Dela inte.
    .encoding = gsm-7

call-hello = Hej. Det här är { $brand } med koden som du har bett om.
call-greeting = { call-hello } Tryck på 1 för att höra den.
call-code = Din kod är: { $code }
call-warning = Dela den inte med någon.
call-keys = { call-warning } Tryck på 1 för att höra den igen. Om du inte har bett om koden, tryck på 9.
call-farewell = Hej då.
call-reported = Tack. Koden gäller inte längre. Hej då.
call-payment =
    { $amount }
    till { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    till { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
