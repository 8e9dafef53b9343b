# French message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }

sms = { $code } est votre code { $brand }. Il est valable { minutes }. Ne le donnez à personne.
    .encoding = gsm-7
sms-brief = { $code } est votre code { $brand }. Ne le donnez à personne.
    .encoding = gsm-7
sms-payment =
    Code { $brand } { $code } pour payer
    { $amount }
    à { $payee }
    Valide { minutes }. Ne le donnez pas.
    .encoding = gsm-7

call-hello = Bonjour. Ici { $brand }.
call-greeting = { call-hello } Pour écouter votre code, appuyez sur 1.
call-code = Votre code est : { $code }
call-warning = Ne le donnez à personne.
call-keys = { call-warning } Pour le réécouter, appuyez sur 1. Si vous n’avez pas demandé ce code, appuyez sur 9.
call-farewell = Au revoir.
call-reported = Merci. Ce code n’est plus valable. Au revoir.
call-payment =
    { $amount }
    à { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    à { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
