# Portuguese message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minutos
    }

sms = { $code } é a sua chave de acesso { $brand }. Expira em { minutes }. Nunca a partilhe com ninguém.
    .encoding = gsm-7
sms-brief = { $code } é a sua chave de acesso { $brand }. Nunca a partilhe.
    .encoding = gsm-7
sms-payment =
    Chave { $brand } { $code } para pagar
    { $amount }
    a { $payee }
    Vale { minutes }. Nunca a partilhe.
    .encoding = gsm-7

call-hello = Bom dia. Fala { $brand } com o código que pediu.
call-greeting = { call-hello } Para o ouvir, prima 1.
call-code = O seu código é: { $code }
call-warning = Não o partilhe com ninguém.
call-keys = { call-warning } Para o ouvir de novo, prima 1. Se não pediu este código, prima 9.
call-farewell = Adeus.
call-reported = Obrigado. Este código já não é válido. Adeus.
call-payment =
    { $amount }
    a { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    a { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
