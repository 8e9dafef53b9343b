# Brazilian Portuguese message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minutos
    }

sms = { $code } é a sua chave de acesso { $brand }. Expira em { minutes }. Nunca a compartilhe com ninguém.
    .encoding = gsm-7
sms-brief = { $code } é a sua chave de acesso { $brand }. Nunca a compartilhe.
    .encoding = gsm-7
sms-payment =
    Chave { $brand } { $code } para pagar
    { $amount }
    a { $payee }
    Vale { minutes }. Nunca compartilhe.
    .encoding = gsm-7

call-hello = Olá. Aqui é { $brand } com o código que você pediu.
call-greeting = { call-hello } Para ouvir, tecle 1.
call-code = Seu código é: { $code }
call-warning = Não compartilhe com ninguém.
call-keys = { call-warning } Para ouvir de novo, tecle 1. Se você não pediu este código, tecle 9.
call-farewell = Até logo.
call-reported = Obrigado. Este código não vale mais. Até logo.
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
