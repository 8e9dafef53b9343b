# Indonesian message texts; en.ftl explains the form.

minutes = { $minutes } menit

sms = { $code } adalah kode { $brand } Anda. Berlaku { minutes }. Jangan berikan kepada siapa pun.
    .encoding = gsm-7
sms-brief = { $code } adalah kode { $brand } Anda. Jangan dibagikan.
    .encoding = gsm-7
sms-payment =
    Kode { $brand } { $code } untuk membayar
    { $amount }
    ke { $payee }
    Berlaku { minutes }. Rahasiakan.
    .encoding = gsm-7

call-hello = Halo. Ini { $brand } dengan kode yang Anda minta.
call-greeting = { call-hello } Untuk mendengarnya, tekan 1.
call-code = Kode Anda adalah: { $code }
call-warning = Jangan berikan kepada siapa pun.
call-keys = { call-warning } Untuk mendengarnya lagi, tekan 1. Jika Anda tidak meminta kode ini, tekan 9.
call-farewell = Sampai jumpa.
call-reported = Terima kasih. Kode ini tidak berlaku lagi. Sampai jumpa.
call-payment =
    { $amount }
    ke { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    ke { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
