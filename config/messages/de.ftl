# German message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } Minute
       *[other] { $minutes } Minuten
    }

sms = { $code } ist Ihr Code für { $brand }. Er gilt { minutes }. Geben Sie ihn niemandem weiter.
    .encoding = gsm-7
sms-brief = { $code } ist Ihr Code für { $brand }. Nicht weitergeben!
    .encoding = gsm-7
sms-payment =
    { $brand }-Code { $code } für
    { $amount }
    an { $payee }
    Gilt { minutes }. Nicht weitergeben!
    .encoding = gsm-7

call-hello = Guten Tag. Hier ist { $brand }.
call-greeting = { call-hello } Um Ihren Code zu hören, drücken Sie die 1.
call-code = Ihr Code lautet: { $code }
call-warning = Geben Sie ihn niemandem weiter.
call-keys = { call-warning } Um ihn noch einmal zu hören, drücken Sie die 1. Wenn Sie keinen Code angefordert haben, drücken Sie die 9.
call-farewell = Auf Wiederhören.
call-reported = Vielen Dank. Der Code gilt nicht mehr. Auf Wiederhören.
call-payment =
    { $amount }
    an { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    an { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
