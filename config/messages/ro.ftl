# Romanian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minut
        [few] { $minutes } minute
       *[other] { $minutes } de minute
    }

sms = { $code } este codul { $brand }. Este valabil { minutes }. A nu se comunica altor persoane.
    .encoding = gsm-7
sms-brief = { $code } este codul { $brand }. A nu se comunica altora.
    .encoding = gsm-7
sms-payment =
    Cod { $brand } { $code }
    suma { $amount }
    pentru { $payee }
    Valabil { minutes }. A nu se comunica.
    .encoding = gsm-7

call-hello = Bună ziua. Vă sună { $brand } cu codul pe care l-ați cerut.
call-greeting = { call-hello } Pentru a-l asculta, apăsați 1.
call-code = Codul dumneavoastră este: { $code }
call-warning = Nu îl comunicați nimănui.
call-keys = { call-warning } Pentru a-l asculta din nou, apăsați 1. Dacă nu ați cerut acest cod, apăsați 9.
call-farewell = La revedere.
call-reported = Vă mulțumim. Acest cod nu mai este valabil. La revedere.
call-payment =
    suma { $amount }
    pentru { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    suma { $amount }
    pentru { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
