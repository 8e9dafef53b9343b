# Serbian (Cyrillic) message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } минут
        [few] { $minutes } минута
       *[other] { $minutes } минута
    }

sms = { $code } је код за { $brand }, важи { $minutes } мин. Не делите га.
sms-brief = { $code } је код за { $brand }. Не делите га.
sms-payment =
    { $code } је код за { $brand } за плаћање
    { $amount }
    прималац: { $payee }
    Важи { minutes }. Не делите га ни са ким.

call-hello = Добар дан. Овде { $brand } са кодом који сте тражили.
call-greeting = { call-hello } Да бисте га чули, притисните 1.
call-code = Ваш код је: { $code }
call-warning = Не делите га ни са ким.
call-keys = { call-warning } Да бисте га чули поново, притисните 1. Ако нисте тражили овај код, притисните 9.
call-farewell = Пријатно.
call-reported = Хвала. Овај код више не важи. Пријатно.
call-payment =
    { $amount }
    прималац: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    прималац: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
