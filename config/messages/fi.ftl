# Finnish message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuutin
       *[other] { $minutes } minuuttia
    }

sms = { $code } on koodisi palveluun { $brand }. Se on voimassa { minutes }. Älä anna sitä kenellekään.
    .encoding = gsm-7
sms-brief = { $code } on koodisi palveluun { $brand }. Älä anna sitä muille.
    .encoding = gsm-7
sms-payment =
    { $brand }: koodi { $code } maksuun
    { $amount }
    saaja { $payee }
    Voimassa { minutes }. Älä jaa.
    .encoding = gsm-7

call-hello = Hei. Täällä { $brand }, tässä tulee pyytämäsi koodi.
call-greeting = { call-hello } Kuule koodi painamalla numeroa 1.
call-code = Koodisi on: { $code }
call-warning = Älä anna sitä kenellekään.
call-keys = { call-warning } Kuule koodi uudelleen painamalla numeroa 1. Jos et pyytänyt tätä koodia, paina numeroa 9.
call-farewell = Kuulemiin.
call-reported = Kiitos. Koodi ei ole enää voimassa. Kuulemiin.
call-payment =
    { $amount }
    saaja { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    saaja { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
