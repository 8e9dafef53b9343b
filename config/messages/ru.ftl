# Russian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } минуту
        [few] { $minutes } минуты
        [many] { $minutes } минут
       *[other] { $minutes } минуты
    }

sms = Код { $brand }: { $code } (на { $minutes } мин). Никому не сообщайте.
sms-brief = Код { $brand }: { $code }. Никому не сообщайте.
sms-payment =
    Код { $brand } { $code } для оплаты
    { $amount }
    получатель: { $payee }
    Действует { minutes }. Никому не сообщайте.

call-hello = Здравствуйте. Вам звонит { $brand } с кодом, который вы запросили.
call-greeting = { call-hello } Чтобы прослушать его, нажмите 1.
call-code = Ваш код: { $code }
call-warning = Никому его не сообщайте.
call-keys = { call-warning } Чтобы прослушать его ещё раз, нажмите 1. Если вы не запрашивали этот код, нажмите 9.
call-farewell = До свидания.
call-reported = Спасибо. Этот код больше не действует. До свидания.
call-payment =
    { $amount }
    получатель: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    получатель: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
