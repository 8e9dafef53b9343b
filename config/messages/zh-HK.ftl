# Chinese (Hong Kong) message texts; en.ftl explains the form.

minutes = { $minutes }分鐘

sms = { $brand } 驗證碼：{ $code }，{ minutes }內有效，切勿向他人透露。
sms-brief = { $brand } 驗證碼：{ $code }，切勿向他人透露。
sms-payment =
    { $brand } 驗證碼：{ $code }，用於付款
    金額：{ $amount }
    收款人：{ $payee }
    { minutes }內有效，切勿向他人透露。

call-hello = 您好，這裡是{ $brand }，為您讀出您要求的驗證碼。
call-greeting = { call-hello }收聽請按1。
call-code = 您的驗證碼是：{ $code }
call-warning = 切勿向他人透露驗證碼。
call-keys = { call-warning }重聽請按1。如果您沒有要求驗證碼，請按9。
call-farewell = 再見。
call-reported = 多謝，此驗證碼已失效。再見。
call-payment =
    金額：{ $amount }
    收款人：{ $payee }
    { call-code }
call-speech = { call-hello }{ call-code } { call-code } { call-code } { call-warning }{ call-farewell }
call-speech-payment =
    { call-hello }
    金額：{ $amount }
    收款人：{ $payee }
    { call-code } { $code } { $code } { call-warning }{ call-farewell }
