# Ukrainian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } хвилину
        [few] { $minutes } хвилини
        [many] { $minutes } хвилин
       *[other] { $minutes } хвилини
    }

sms = Код { $brand }: { $code } (на { $minutes } хв). Нікому не кажіть його.
sms-brief = Код { $brand }: { $code }. Нікому не кажіть його.
sms-payment =
    Код { $brand } { $code } для оплати
    { $amount }
    отримувач: { $payee }
    Діє { minutes }. Нікому його не повідомляйте.

call-hello = Добрий день. Вам телефонує { $brand } з кодом, який ви замовили.
call-greeting = { call-hello } Щоб прослухати його, натисніть 1.
call-code = Ваш код: { $code }
call-warning = Нікому його не повідомляйте.
call-keys = { call-warning } Щоб прослухати його ще раз, натисніть 1. Якщо ви не замовляли цей код, натисніть 9.
call-farewell = До побачення.
call-reported = Дякуємо. Цей код більше не діє. До побачення.
call-payment =
    { $amount }
    отримувач: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    отримувач: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
