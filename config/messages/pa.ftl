# Punjabi message texts; en.ftl explains the form.

minutes = { $minutes } ਮਿੰਟ

sms = { $code } ਤੁਹਾਡਾ { $brand } ਕੋਡ, { minutes } ਲਈ। ਕਿਸੇ ਨੂੰ ਨਾ ਦਿਓ।
sms-brief = { $code } ਤੁਹਾਡਾ { $brand } ਕੋਡ ਹੈ। ਕਿਸੇ ਨੂੰ ਨਾ ਦਿਓ।
sms-payment =
    { $code } ਭੁਗਤਾਨ ਲਈ ਤੁਹਾਡਾ { $brand } ਕੋਡ ਹੈ
    { $amount }
    ਪ੍ਰਾਪਤਕਰਤਾ { $payee }
    { minutes } ਲਈ ਵੈਧ। ਕਿਸੇ ਨੂੰ ਨਾ ਦਿਓ।

call-hello = ਸਤ ਸ੍ਰੀ ਅਕਾਲ। ਤੁਹਾਡਾ ਮੰਗਿਆ ਕੋਡ ਦੱਸਣ ਲਈ { $brand } ਵੱਲੋਂ ਕਾਲ ਹੈ।
call-greeting = { call-hello } ਕੋਡ ਸੁਣਨ ਲਈ 1 ਦਬਾਓ।
call-code = ਤੁਹਾਡਾ ਕੋਡ ਹੈ: { $code }
call-warning = ਇਹ ਕੋਡ ਕਿਸੇ ਨੂੰ ਨਾ ਦੱਸੋ।
call-keys = { call-warning } ਦੁਬਾਰਾ ਸੁਣਨ ਲਈ 1 ਦਬਾਓ। ਜੇ ਤੁਸੀਂ ਇਹ ਕੋਡ ਨਹੀਂ ਮੰਗਿਆ, ਤਾਂ 9 ਦਬਾਓ।
call-farewell = ਧੰਨਵਾਦ।
call-reported = ਧੰਨਵਾਦ। ਇਹ ਕੋਡ ਹੁਣ ਵੈਧ ਨਹੀਂ ਹੈ।
call-payment =
    { $amount }
    ਪ੍ਰਾਪਤਕਰਤਾ { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    ਪ੍ਰਾਪਤਕਰਤਾ { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
