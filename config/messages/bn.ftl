# Bengali message texts; en.ftl explains the form.

minutes = { $minutes } মিনিট

sms = { $code } আপনার { $brand } কোড, { minutes }। কাউকে দেবেন না।
sms-brief = { $code } আপনার { $brand } কোড। কাউকে দেবেন না।
sms-payment =
    { $code } আপনার { $brand } কোড, অর্থপ্রদান
    { $amount }
    প্রাপক { $payee }
    মেয়াদ { minutes }। কাউকে দেবেন না।

call-hello = নমস্কার। { $brand } থেকে আপনার চাওয়া কোড জানাতে ফোন করছি।
call-greeting = { call-hello } কোডটি শুনতে 1 টিপুন।
call-code = আপনার কোড: { $code }
call-warning = কোডটি কাউকে বলবেন না।
call-keys = { call-warning } আবার শুনতে 1 টিপুন। আপনি এই কোড না চেয়ে থাকলে 9 টিপুন।
call-farewell = ধন্যবাদ।
call-reported = ধন্যবাদ। এই কোডটি আর কাজ করবে না।
call-payment =
    { $amount }
    প্রাপক { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    প্রাপক { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
