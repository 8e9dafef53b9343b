# Hebrew message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } דקה
        [two] { $minutes } דקות
       *[other] { $minutes } דקות
    }

sms = { $code } הוא קוד { $brand }, ל-{ minutes }. אין לשתף אותו.
sms-brief = { $code } הוא קוד { $brand }. אין לשתף אותו.
sms-payment =
    { $code } הוא קוד { $brand } לתשלום
    { $amount }
    אל { $payee }
    בתוקף ל-{ minutes }. אין לשתף אותו עם איש.

call-hello = שלום. מדברים מ-{ $brand } עם הקוד שביקשתם.
call-greeting = { call-hello } כדי לשמוע אותו, הקישו 1.
call-code = הקוד שלכם הוא: { $code }
call-warning = אין לשתף אותו עם איש.
call-keys = { call-warning } כדי לשמוע אותו שוב, הקישו 1. אם לא ביקשתם קוד זה, הקישו 9.
call-farewell = להתראות.
call-reported = תודה. הקוד אינו בתוקף עוד. להתראות.
call-payment =
    { $amount }
    אל { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    אל { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
