# Japanese message texts; en.ftl explains the form.

minutes = { $minutes }分

sms = { $brand }の認証コードは{ $code }です。有効期限は{ minutes }です。誰にも教えないでください。
sms-brief = { $brand }の認証コードは{ $code }です。
sms-payment =
    { $brand }の認証コードは{ $code }です。
    支払額：{ $amount }
    支払先：{ $payee }
    有効期限は{ minutes }です。誰にも教えないでください。

call-hello = { $brand }です。コードをお伝えします。
call-greeting = { call-hello }お聞きになるには、1を押してください。
call-code = コードは、{ $code }
call-warning = 誰にも教えないでください。
call-keys = { call-warning }もう一度お聞きになるには、1を押してください。このコードに心当たりがない場合は、9を押してください。
call-farewell = 失礼いたします。
call-reported = ありがとうございます。このコードは無効になりました。失礼いたします。
call-payment =
    支払額：{ $amount }
    支払先：{ $payee }
    { call-code }
call-speech = { call-hello }{ call-code } { call-code } { call-code } { call-warning }{ call-farewell }
call-speech-payment =
    { call-hello }
    支払額：{ $amount }
    支払先：{ $payee }
    { call-code } { $code } { $code } { call-warning }{ call-farewell }
