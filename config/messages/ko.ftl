# Korean message texts; en.ftl explains the form.

minutes = { $minutes }분

sms = [{ $brand }] 인증번호 { $code }, { minutes }간 유효합니다. 타인에게 알려주지 마세요.
sms-brief = [{ $brand }] 인증번호 { $code }. 타인에게 알려주지 마세요.
sms-payment =
    { $brand } 결제 인증번호 { $code }
    금액: { $amount }
    받는 곳: { $payee }
    { minutes }간 유효합니다. 타인에게 알려주지 마세요.

call-hello = { $brand }입니다. 인증번호입니다.
call-greeting = { call-hello } 들으시려면 1번을 눌러 주세요.
call-code = 인증번호는 { $code }
call-warning = 타인에게 알려주지 마세요.
call-keys = { call-warning } 다시 들으시려면 1번을, 인증번호를 요청하지 않으셨다면 9번을 눌러 주세요.
call-farewell = 감사합니다.
call-reported = 감사합니다. 이 인증번호는 더 이상 사용할 수 없습니다.
call-payment =
    금액: { $amount }
    받는 곳: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    금액: { $amount }
    받는 곳: { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
