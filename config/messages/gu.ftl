# Gujarati message texts; en.ftl explains the form.

minutes = { $minutes } મિનિટ

sms = { $code } તમારો { $brand } કોડ, { minutes } માન્ય. કોઈને ન આપો.
sms-brief = { $code } તમારો { $brand } કોડ છે. કોઈને ન આપો.
sms-payment =
    { $code } ચુકવણી માટે તમારો { $brand } કોડ છે
    { $amount }
    મેળવનાર { $payee }
    { minutes } માન્ય. કોઈને ન આપો.

call-hello = નમસ્તે. તમે માગેલો કોડ જણાવવા { $brand } તરફથી ફોન છે.
call-greeting = { call-hello } કોડ સાંભળવા માટે 1 દબાવો.
call-code = તમારો કોડ છે: { $code }
call-warning = આ કોડ કોઈને ન આપો.
call-keys = { call-warning } ફરી સાંભળવા માટે 1 દબાવો. જો તમે આ કોડ માગ્યો ન હોય, તો 9 દબાવો.
call-farewell = આવજો.
call-reported = આભાર. આ કોડ હવે માન્ય નથી. આવજો.
call-payment =
    { $amount }
    મેળવનાર { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    મેળવનાર { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
