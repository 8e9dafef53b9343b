# Hindi message texts; en.ftl explains the form.

minutes = { $minutes } मिनट

sms = { $code } आपका { $brand } कोड, { minutes } मान्य। किसी को न दें।
sms-brief = { $code } आपका { $brand } कोड है। किसी को न दें।
sms-payment =
    { $code } भुगतान के लिए आपका { $brand } कोड है
    { $amount }
    प्राप्तकर्ता { $payee }
    { minutes } मान्य। किसी को न दें।

call-hello = नमस्ते। आपका मांगा हुआ कोड बताने के लिए { $brand } से कॉल है।
call-greeting = { call-hello } कोड सुनने के लिए 1 दबाएं।
call-code = आपका कोड है: { $code }
call-warning = यह कोड किसी को न बताएं।
call-keys = { call-warning } दोबारा सुनने के लिए 1 दबाएं। यदि आपने यह कोड नहीं मांगा, तो 9 दबाएं।
call-farewell = धन्यवाद।
call-reported = धन्यवाद। यह कोड अब मान्य नहीं है।
call-payment =
    { $amount }
    प्राप्तकर्ता { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    प्राप्तकर्ता { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
