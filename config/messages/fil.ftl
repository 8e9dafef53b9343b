# Filipino message texts; en.ftl explains the form.

minutes = { $minutes } minuto

sms = { $code } ang iyong code sa { $brand }. May bisa ito nang { minutes }. Huwag itong ibahagi kaninuman.
    .encoding = gsm-7
sms-brief = { $code } ang iyong code sa { $brand }. Huwag itong ibahagi.
    .encoding = gsm-7
sms-payment =
    { $brand } code { $code } pambayad ng
    { $amount }
    kay { $payee }
    Bisa: { minutes }. Huwag ibahagi.
    .encoding = gsm-7

call-hello = Kumusta po. Ito po ang { $brand }, dala ang code na hiningi ninyo.
call-greeting = { call-hello } Para marinig ito, pindutin ang 1.
call-code = Ang inyong code ay: { $code }
call-warning = Huwag po itong ibahagi kaninuman.
call-keys = { call-warning } Para marinig itong muli, pindutin ang 1. Kung hindi kayo humingi ng code na ito, pindutin ang 9.
call-farewell = Paalam po.
call-reported = Salamat po. Wala nang bisa ang code na ito. Paalam po.
call-payment =
    { $amount }
    kay { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    kay { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
