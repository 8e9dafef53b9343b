# Marathi message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } मिनिट
       *[other] { $minutes } मिनिटे
    }

sms = { $code } तुमचा { $brand } कोड, { minutes }. कोणालाही देऊ नका.
sms-brief = { $code } तुमचा { $brand } कोड आहे. देऊ नका.
sms-payment =
    { $code } पेमेंटसाठी तुमचा { $brand } कोड आहे
    { $amount }
    प्राप्तकर्ता { $payee }
    { minutes } वैध. कोणालाही देऊ नका.

call-hello = नमस्कार. तुम्ही मागितलेला कोड सांगण्यासाठी { $brand } कडून कॉल आहे.
call-greeting = { call-hello } कोड ऐकण्यासाठी 1 दाबा.
call-code = तुमचा कोड आहे: { $code }
call-warning = हा कोड कोणालाही देऊ नका.
call-keys = { call-warning } पुन्हा ऐकण्यासाठी 1 दाबा. तुम्ही हा कोड मागितला नसल्यास 9 दाबा.
call-farewell = धन्यवाद.
call-reported = धन्यवाद. हा कोड आता वैध नाही.
call-payment =
    { $amount }
    प्राप्तकर्ता { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    प्राप्तकर्ता { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
