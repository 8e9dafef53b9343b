# Malay message texts; en.ftl explains the form.

minutes = { $minutes } minit

sms = { $code } ialah kod { $brand } anda. Sah selama { minutes }. Jangan beritahu sesiapa.
    .encoding = gsm-7
sms-brief = { $code } ialah kod { $brand } anda. Jangan beritahu sesiapa.
    .encoding = gsm-7
sms-payment =
    Kod { $brand } { $code } untuk membayar
    { $amount }
    kepada { $payee }
    Sah { minutes }. Rahsiakan.
    .encoding = gsm-7

call-hello = Selamat sejahtera. Ini { $brand } dengan kod yang anda minta.
call-greeting = { call-hello } Untuk mendengarnya, tekan 1.
call-code = Kod anda ialah: { $code }
call-warning = Jangan beritahu sesiapa.
call-keys = { call-warning } Untuk mendengarnya sekali lagi, tekan 1. Jika anda tidak meminta kod ini, tekan 9.
call-farewell = Selamat tinggal.
call-reported = Terima kasih. Kod ini tidak lagi sah. Selamat tinggal.
call-payment =
    { $amount }
    kepada { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    kepada { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
