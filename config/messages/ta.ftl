# Tamil message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } நிமிடம்
       *[other] { $minutes } நிமிடங்கள்
    }

sms = { $brand } குறியீடு: { $code }, { $minutes } நிமிடம். பகிர வேண்டாம்.
sms-brief = { $brand } குறியீடு: { $code }, பகிர வேண்டாம்.
sms-payment =
    { $code } பணம் செலுத்த உங்கள் { $brand } குறியீடு
    { $amount }
    பெறுநர் { $payee }
    { minutes } செல்லும். யாருடனும் பகிர வேண்டாம்.

call-hello = வணக்கம். நீங்கள் கேட்ட குறியீட்டைத் தெரிவிக்க { $brand } அழைக்கிறது.
call-greeting = { call-hello } அதைக் கேட்க 1 ஐ அழுத்தவும்.
call-code = உங்கள் குறியீடு: { $code }
call-warning = இதை யாருடனும் பகிர வேண்டாம்.
call-keys = { call-warning } மீண்டும் கேட்க 1 ஐ அழுத்தவும். இந்தக் குறியீட்டை நீங்கள் கேட்கவில்லை என்றால் 9 ஐ அழுத்தவும்.
call-farewell = நன்றி.
call-reported = நன்றி. இந்தக் குறியீடு இனி செல்லாது.
call-payment =
    { $amount }
    பெறுநர் { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    பெறுநர் { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
