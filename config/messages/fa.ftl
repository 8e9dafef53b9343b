# Persian message texts; en.ftl explains the form.

minutes = { $minutes } دقیقه

sms = { $code } رمز { $brand } است، تا { minutes }. به کسی ندهید.
sms-brief = { $code } رمز { $brand } است. به کسی ندهید.
sms-payment =
    { $code } رمز { $brand } برای پرداخت
    { $amount }
    به { $payee }
    اعتبار: { minutes }. آن را به کسی ندهید.

call-hello = سلام. از { $brand } با شما تماس می‌گیریم تا رمز درخواستی شما را اعلام کنیم.
call-greeting = { call-hello } برای شنیدن رمز، کلید 1 را فشار دهید.
call-code = رمز شما: { $code }
call-warning = این رمز را به کسی ندهید.
call-keys = { call-warning } برای شنیدن دوباره، کلید 1 را فشار دهید. اگر این رمز را درخواست نکرده‌اید، کلید 9 را فشار دهید.
call-farewell = خدانگهدار.
call-reported = سپاسگزاریم. این رمز دیگر معتبر نیست. خدانگهدار.
call-payment =
    { $amount }
    به { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    به { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
