# Chinese (Taiwan) message texts; en.ftl explains the form.

minutes = { $minutes }分鐘

sms = { $brand } 驗證碼：{ $code }，{ minutes }內有效，請勿告知他人。
sms-brief = { $brand } 驗證碼：{ $code }，請勿告知他人。
sms-payment =
    { $brand } 驗證碼：{ $code }，用於付款
    金額：{ $amount }
    收款人：{ $payee }
    { minutes }內有效，請勿告知他人。

call-hello = 您好，這裡是{ $brand }，為您播報您申請的驗證碼。
call-greeting = { call-hello }收聽請按1。
call-code = 您的驗證碼是：{ $code }
call-warning = 請勿將驗證碼告知他人。
call-keys = { call-warning }重聽請按1。如果您沒有申請驗證碼，請按9。
call-farewell = 再見。
call-reported = 謝謝，此驗證碼已失效。再見。
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
