# Arabic message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } دقيقة
        [two] { $minutes } دقيقة
        [few] { $minutes } دقائق
       *[other] { $minutes } دقيقة
    }

sms = { $code } هو رمز { $brand }، لمدة { minutes }. لا تشاركه مع أحد.
sms-brief = { $code } هو رمز { $brand }. لا تشاركه.
sms-payment =
    { $code } هو رمز { $brand } لدفع
    { $amount }
    إلى { $payee }
    صالح لمدة { minutes }. لا تشاركه مع أحد.

call-hello = مرحبا. معكم { $brand } لإبلاغكم بالرمز الذي طلبتموه.
call-greeting = { call-hello } للاستماع إلى الرمز، اضغطوا على 1.
call-code = الرمز هو: { $code }
call-warning = لا تشاركوه مع أحد.
call-keys = { call-warning } للاستماع إليه مرة أخرى، اضغطوا على 1. إذا لم تطلبوا هذا الرمز، فاضغطوا على 9.
call-farewell = إلى اللقاء.
call-reported = شكرا لكم. لم يعد هذا الرمز صالحا. إلى اللقاء.
call-payment =
    { $amount }
    إلى { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    إلى { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
