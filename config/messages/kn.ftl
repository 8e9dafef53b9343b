# Kannada message texts; en.ftl explains the form.

minutes = { $minutes } ನಿಮಿಷ

sms = { $code } ನಿಮ್ಮ { $brand } ಕೋಡ್, { minutes }. ಯಾರಿಗೂ ನೀಡಬೇಡಿ.
sms-brief = { $code } ನಿಮ್ಮ { $brand } ಕೋಡ್. ಯಾರಿಗೂ ನೀಡಬೇಡಿ.
sms-payment =
    { $code } ಪಾವತಿಗಾಗಿ ನಿಮ್ಮ { $brand } ಕೋಡ್
    { $amount }
    ಸ್ವೀಕರಿಸುವವರು { $payee }
    { minutes } ಮಾನ್ಯ. ಯಾರಿಗೂ ನೀಡಬೇಡಿ.

call-hello = ನಮಸ್ಕಾರ. ನೀವು ಕೇಳಿದ ಕೋಡ್ ತಿಳಿಸಲು { $brand } ಕರೆ ಮಾಡುತ್ತಿದೆ.
call-greeting = { call-hello } ಕೋಡ್ ಕೇಳಲು 1 ಒತ್ತಿರಿ.
call-code = ನಿಮ್ಮ ಕೋಡ್: { $code }
call-warning = ಇದನ್ನು ಯಾರಿಗೂ ಹೇಳಬೇಡಿ.
call-keys = { call-warning } ಮತ್ತೆ ಕೇಳಲು 1 ಒತ್ತಿರಿ. ನೀವು ಈ ಕೋಡ್ ಕೇಳಿರದಿದ್ದರೆ 9 ಒತ್ತಿರಿ.
call-farewell = ಧನ್ಯವಾದಗಳು.
call-reported = ಧನ್ಯವಾದಗಳು. ಈ ಕೋಡ್ ಇನ್ನು ಮಾನ್ಯವಲ್ಲ.
call-payment =
    { $amount }
    ಸ್ವೀಕರಿಸುವವರು { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    ಸ್ವೀಕರಿಸುವವರು { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
