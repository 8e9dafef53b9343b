# Spanish message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minutos
    }

sms = { $code } es su clave de { $brand }. Vale durante { minutes }. No la comparta con nadie.
    .encoding = gsm-7
sms-brief = { $code } es su clave de { $brand }. No la comparta.
    .encoding = gsm-7
sms-payment =
    Clave { $code } de { $brand } para pagar
    { $amount }
    a { $payee }
    Vale { minutes }. No la comparta.
    .encoding = gsm-7

call-hello = Hola. Le llamamos de { $brand }.
call-greeting = { call-hello } Para escuchar su código, pulse 1.
call-code = Su código es: { $code }
call-warning = No lo comparta con nadie.
call-keys = { call-warning } Para escucharlo otra vez, pulse 1. Si no ha pedido este código, pulse 9.
call-farewell = Adiós.
call-reported = Gracias. Este código ya no es válido. Adiós.
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
