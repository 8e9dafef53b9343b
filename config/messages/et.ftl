# Estonian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuti
       *[other] { $minutes } minutit
    }

sms = { $code } on teie kood teenusele { $brand }. See kehtib { minutes }. Ärge seda kellelegi avaldage.
    .encoding = gsm-7
sms-brief = { $code } on teie kood teenusele { $brand }. Ärge seda avaldage.
    .encoding = gsm-7
sms-payment =
    { $brand } kood { $code } makseks
    { $amount }
    saaja { $payee }
    Kehtib { minutes }. Ärge avaldage.
    .encoding = gsm-7

call-hello = Tere. Siin { $brand } teie küsitud koodiga.
call-greeting = { call-hello } Koodi kuulamiseks vajutage 1.
call-code = Teie kood on: { $code }
call-warning = Ärge seda kellelegi avaldage.
call-keys = { call-warning } Koodi uuesti kuulamiseks vajutage 1. Kui te seda koodi ei küsinud, vajutage 9.
call-farewell = Head aega.
call-reported = Täname. See kood enam ei kehti. Head aega.
call-payment =
    { $amount }
    saaja { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    saaja { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
