# Telugu message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } నిమిషం
       *[other] { $minutes } నిమిషాలు
    }

sms = { $code } మీ { $brand } కోడ్, { minutes }. ఎవరికీ చెప్పకండి.
sms-brief = { $code } మీ { $brand } కోడ్. ఎవరికీ చెప్పకండి.
sms-payment =
    { $code } చెల్లింపు కోసం మీ { $brand } కోడ్
    { $amount }
    గ్రహీత { $payee }
    గడువు { minutes }. ఎవరికీ చెప్పకండి.

call-hello = నమస్కారం. మీరు అడిగిన కోడ్ తెలియజేయడానికి { $brand } నుండి కాల్.
call-greeting = { call-hello } కోడ్ వినడానికి 1 నొక్కండి.
call-code = మీ కోడ్: { $code }
call-warning = దీన్ని ఎవరికీ చెప్పకండి.
call-keys = { call-warning } మళ్లీ వినడానికి 1 నొక్కండి. మీరు ఈ కోడ్ అడగకపోతే 9 నొక్కండి.
call-farewell = ధన్యవాదాలు.
call-reported = ధన్యవాదాలు. ఈ కోడ్ ఇకపై చెల్లదు.
call-payment =
    { $amount }
    గ్రహీత { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    గ్రహీత { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
