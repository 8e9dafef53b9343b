# Polish message texts; en.ftl explains the form.

sms = { $code } to kod { $brand }. Wygasa za { $minutes } min. Nie podawaj go nikomu.
    .encoding = gsm-7
sms-brief = { $code } to kod { $brand }. Nie podawaj go nikomu.
    .encoding = gsm-7
sms-payment =
    { $brand } kod transakcji { $code }
    { $amount }
    dla { $payee }
    Wygasa za { $minutes } min. Nie podawaj go.
    .encoding = gsm-7

call-hello = Dzień dobry. Dzwonimy z { $brand } z kodem, o który Państwo prosili.
call-greeting = { call-hello } Aby go odsłuchać, proszę nacisnąć 1.
call-code = Oto kod: { $code }
call-warning = Proszę go nikomu nie podawać.
call-keys = { call-warning } Aby odsłuchać go ponownie, proszę nacisnąć 1. Jeśli nie prosili Państwo o ten kod, proszę nacisnąć 9.
call-farewell = Do usłyszenia.
call-reported = Dziękujemy. Ten kod jest już nieważny. Do usłyszenia.
call-payment =
    { $amount }
    dla { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    dla { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
