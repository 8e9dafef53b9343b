# Swahili message texts; en.ftl explains the form.

minutes = dakika { $minutes }

sms = { $code } ni nambari yako ya siri ya { $brand }. Itatumika kwa { minutes }. Usimpe mtu yeyote.
    .encoding = gsm-7
sms-brief = { $code } ni nambari yako ya siri ya { $brand }. Usimpe mtu yeyote.
    .encoding = gsm-7
sms-payment =
    Nambari { $code } ya { $brand } kulipa
    { $amount }
    kwa { $payee }
    Inatumika { minutes }. Usimpe mtu.
    .encoding = gsm-7

call-hello = Habari. Hii ni { $brand } ikikuletea nambari uliyoomba.
call-greeting = { call-hello } Ili kuisikia, bonyeza 1.
call-code = Nambari yako ni: { $code }
call-warning = Usimpe mtu yeyote.
call-keys = { call-warning } Ili kuisikia tena, bonyeza 1. Ikiwa hukuomba nambari hii, bonyeza 9.
call-farewell = Kwaheri.
call-reported = Asante. Nambari hii haitumiki tena. Kwaheri.
call-payment =
    { $amount }
    kwa { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    kwa { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
