# Dutch message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuut
       *[other] { $minutes } minuten
    }

sms = { $code } is uw code voor { $brand }. De code is { minutes } geldig. Deel deze met niemand.
    .encoding = gsm-7
sms-brief = { $code } is uw code voor { $brand }. Deel deze met niemand.
    .encoding = gsm-7
sms-payment =
    { $brand }-code { $code } voor
    { $amount }
    aan { $payee }
    Geldig: { minutes }. Deel deze niet.
    .encoding = gsm-7

call-hello = Goedendag. U spreekt met { $brand } over de code die u hebt aangevraagd.
call-greeting = { call-hello } Druk op 1 om deze te horen.
call-code = Uw code is: { $code }
call-warning = Deel de code met niemand.
call-keys = { call-warning } Druk op 1 om de code nog eens te horen. Hebt u deze code niet aangevraagd, druk dan op 9.
call-farewell = Tot ziens.
call-reported = Dank u wel. Deze code is niet meer geldig. Tot ziens.
call-payment =
    { $amount }
    aan { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    aan { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
