# Urdu message texts; en.ftl explains the form.

minutes = { $minutes } منٹ

sms = { $code } آپ کا { $brand } کوڈ ہے، { minutes } تک۔ کسی کو نہ دیں۔
sms-brief = { $code } آپ کا { $brand } کوڈ ہے۔ کسی کو نہ دیں۔
sms-payment =
    { $code } ادائیگی کے لیے آپ کا { $brand } کوڈ ہے
    { $amount }
    وصول کنندہ { $payee }
    { minutes } تک درست۔ کسی کو نہ دیں۔

call-hello = السلام علیکم۔ آپ کا مانگا ہوا کوڈ بتانے کے لیے { $brand } سے کال ہے۔
call-greeting = { call-hello } کوڈ سننے کے لیے 1 دبائیں۔
call-code = آپ کا کوڈ ہے: { $code }
call-warning = یہ کوڈ کسی کو نہ بتائیں۔
call-keys = { call-warning } دوبارہ سننے کے لیے 1 دبائیں۔ اگر آپ نے یہ کوڈ نہیں مانگا تو 9 دبائیں۔
call-farewell = خدا حافظ۔
call-reported = شکریہ۔ یہ کوڈ اب درست نہیں۔ خدا حافظ۔
call-payment =
    { $amount }
    وصول کنندہ { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    وصول کنندہ { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
