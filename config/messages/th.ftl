# Thai message texts; en.ftl explains the form.

minutes = { $minutes } นาที

sms = รหัส { $brand } คือ { $code } ใช้ได้ { minutes } โปรดอย่าบอกใคร
sms-brief = รหัส { $brand } คือ { $code } อย่าบอกใคร
sms-payment =
    รหัส { $brand } คือ { $code } สำหรับชำระเงิน
    { $amount }
    ให้แก่ { $payee }
    ใช้ได้ { minutes } โปรดอย่าบอกผู้อื่น

call-hello = สวัสดี นี่คือสายจาก { $brand } เพื่อแจ้งรหัสที่คุณขอ
call-greeting = { call-hello } หากต้องการฟังรหัส โปรดกด 1
call-code = รหัสของคุณคือ { $code }
call-warning = โปรดอย่าบอกรหัสแก่ผู้อื่น
call-keys = { call-warning } หากต้องการฟังอีกครั้ง โปรดกด 1 หากคุณไม่ได้ขอรหัสนี้ โปรดกด 9
call-farewell = ขอบคุณ
call-reported = ขอบคุณ รหัสนี้ใช้ไม่ได้แล้ว
call-payment =
    { $amount }
    ให้แก่ { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    ให้แก่ { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
