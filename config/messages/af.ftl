# Afrikaans message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuut
       *[other] { $minutes } minute
    }

sms = { $code } is u kode vir { $brand }. Dit is { minutes } geldig. Moet dit met niemand deel nie.
    .encoding = gsm-7
sms-brief = { $code } is u kode vir { $brand }. Moet dit nie deel nie.
    .encoding = gsm-7
sms-payment =
    { $brand }-kode { $code } vir
    { $amount }
    aan { $payee }
    Geldig: { minutes }. Moenie dit deel nie.
    .encoding = gsm-7

call-hello = Goeiedag. Dit is { $brand } met die kode waarvoor u gevra het.
call-greeting = { call-hello } Druk 1 om dit te hoor.
call-code = U kode is: { $code }
call-keys = Druk 1 om dit weer te hoor. Het u nie hierdie kode aangevra nie, druk 9.
call-farewell = Moet dit met niemand deel nie. Totsiens.
call-reported = Dankie. Hierdie kode is nie meer geldig nie. Totsiens.
call-payment =
    { $amount }
    aan { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    aan { $payee }
    { call-code } { call-code } { call-code } { call-farewell }
