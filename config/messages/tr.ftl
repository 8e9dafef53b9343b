# Turkish message texts; en.ftl explains the form.

minutes = { $minutes } dakika

sms = { $code }, { $brand } kodunuz. Süresi { minutes }. Kimseye söylemeyin.
    .encoding = gsm-7
sms-brief = { $code }, { $brand } kodunuz. Kimseye söylemeyin.
    .encoding = gsm-7
sms-payment =
    { $brand } ödeme kodu { $code }
    { $amount }
    kime: { $payee }
    Süresi { minutes }. Kimseye vermeyin.
    .encoding = gsm-7

call-hello = Merhaba. { $brand } olarak istediğiniz kod için arıyoruz.
call-greeting = { call-hello } Kodu dinlemek için 1 tuşuna basın.
call-code = Kodunuz: { $code }
call-warning = Kodu kimseyle paylaşmayın.
call-keys = { call-warning } Kodu yeniden dinlemek için 1 tuşuna basın. Bu kodu siz istemediyseniz 9 tuşuna basın.
call-farewell = Hoşça kalın.
call-reported = Teşekkürler. Bu kod artık geçerli değil. Hoşça kalın.
call-payment =
    { $amount }
    kime: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    kime: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
