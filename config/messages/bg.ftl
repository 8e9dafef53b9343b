# Bulgarian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } минута
       *[other] { $minutes } минути
    }

sms = { $code } е код за { $brand }, важи { $minutes } мин. Не го споделяйте.
sms-brief = { $code } е код за { $brand }. Не го споделяйте.
sms-payment =
    { $code } е код за { $brand } за плащане на
    { $amount }
    към { $payee }
    Важи { minutes }. Не го споделяйте с никого.

call-hello = Здравейте. Обаждаме се от { $brand } с кода, който поискахте.
call-greeting = { call-hello } За да го чуете, натиснете 1.
call-code = Вашият код е: { $code }
call-warning = Не го споделяйте с никого.
call-keys = { call-warning } За да го чуете отново, натиснете 1. Ако не сте искали този код, натиснете 9.
call-farewell = Дочуване.
call-reported = Благодарим. Този код вече не е валиден. Дочуване.
call-payment =
    { $amount }
    към { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    към { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
