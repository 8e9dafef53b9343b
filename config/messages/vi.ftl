# Vietnamese message texts; en.ftl explains the form.

minutes = { $minutes } phút

sms = Mã { $brand }: { $code }, hiệu lực { minutes }. Không chia sẻ mã.
sms-brief = Mã { $brand }: { $code }. Không chia sẻ mã.
sms-payment =
    Mã { $brand } { $code } để thanh toán
    { $amount }
    cho { $payee }
    Hiệu lực { minutes }. Không chia sẻ mã này với bất kỳ ai.

call-hello = Xin chào. Đây là cuộc gọi từ { $brand } về mã bạn đã yêu cầu.
call-greeting = { call-hello } Để nghe mã, vui lòng bấm phím 1.
call-code = Mã của bạn là: { $code }
call-warning = Vui lòng không chia sẻ mã với bất kỳ ai.
call-keys = { call-warning } Để nghe lại, vui lòng bấm phím 1. Nếu bạn không yêu cầu mã này, vui lòng bấm phím 9.
call-farewell = Xin cảm ơn.
call-reported = Xin cảm ơn. Mã này không còn hiệu lực. Tạm biệt.
call-payment =
    { $amount }
    cho { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    cho { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
