# Chinese (simplified) message texts; en.ftl explains the form.

minutes = { $minutes }分钟

sms = 【{ $brand }】验证码：{ $code }，{ minutes }内有效，请勿告诉他人。
sms-brief = 【{ $brand }】验证码：{ $code }，请勿告诉他人。
sms-payment =
    【{ $brand }】验证码：{ $code }，用于付款
    金额：{ $amount }
    收款方：{ $payee }
    { minutes }内有效，请勿告诉他人。

call-hello = 您好，这里是{ $brand }，为您播报您申请的验证码。
call-greeting = { call-hello }收听请按1。
call-code = 您的验证码是：{ $code }
call-warning = 请勿将验证码告诉他人。
call-keys = { call-warning }重听请按1。如果您没有申请验证码，请按9。
call-farewell = 再见。
call-reported = 谢谢，该验证码已失效。再见。
call-payment =
    金额：{ $amount }
    收款方：{ $payee }
    { call-code }
call-speech = { call-hello }{ call-code } { call-code } { call-code } { call-warning }{ call-farewell }
call-speech-payment =
    { call-hello }
    金额：{ $amount }
    收款方：{ $payee }
    { call-code } { $code } { $code } { call-warning }{ call-farewell }
