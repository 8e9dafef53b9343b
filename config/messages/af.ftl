# Afrikaans message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuut
       *[other] { $minutes } minute
    }

sms = { $code } is u kode vir { $brand }. Dit is { minutes } geldig. Moenie dit met iemand deel nie.
    .encoding = gsm-7
sms-brief = { $code } is u kode vir { $brand }. Moenie dit deel nie.
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
call-warning = Moenie dit met iemand deel nie.
call-keys = { call-warning } Druk 1 om dit weer te hoor. Het u nie hierdie kode aangevra nie, druk 9.
call-farewell = Totsiens.
call-reported = Dankie. Hierdie kode is nie meer geldig nie. Totsiens.
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
