# Serbian (Latin) message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minut
        [few] { $minutes } minuta
       *[other] { $minutes } minuta
    }

sms = { $code } je kod za { $brand }. Traje { minutes }. Nemojte ga deliti ni sa kim.
    .encoding = gsm-7
sms-brief = { $code } je kod za { $brand }. Nemojte ga deliti.
    .encoding = gsm-7
sms-payment =
    { $brand } kod { $code } za uplatu
    { $amount }
    prima: { $payee }
    Traje { minutes }. Ne delite ga.
    .encoding = gsm-7

call-hello = Dobar dan. Ovde { $brand } sa kodom koji ste tražili.
call-greeting = { call-hello } Da biste ga čuli, pritisnite 1.
call-code = Vaš kod je: { $code }
call-warning = Ne delite ga ni sa kim.
call-keys = { call-warning } Da biste ga čuli ponovo, pritisnite 1. Ako niste tražili ovaj kod, pritisnite 9.
call-farewell = Prijatno.
call-reported = Hvala. Ovaj kod više ne važi. Prijatno.
call-payment =
    { $amount }
    prima: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    prima: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
