# English message texts. Each language has a file of this form, named after its
# tag, in Fluent (https://projectfluent.org). docs/messages.md explains how to
# change a text or add a language; `watchword messages lint` checks it.
#
# { $brand }    the tenant's name, at most 24 characters
# { $code }     the code; in a call its digits one by one
# { $minutes }  how long the code is valid
# { $amount }   what is paid, with its currency    } only in texts of a payment,
# { $payee }    who is paid                        } each on a line of its own
#
# `.encoding = gsm-7` claims that a text stays within the GSM alphabet: 160
# characters in one segment. One character outside it leaves 70.

minutes =
    { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }

sms = { $code } is your { $brand } code. It is valid for { minutes }. Do not share it with anyone.
    .encoding = gsm-7

# Where Android's limit of 140 bytes leaves no room for the above.
sms-brief = { $code } is your { $brand } code. Do not share it.
    .encoding = gsm-7

sms-payment =
    { $brand } code { $code } to pay
    { $amount }
    to { $payee }
    Valid for { minutes }. Do not share it.
    .encoding = gsm-7

# What a call says. The code is never asked for, only read out.
call-hello = Hello. This is { $brand }.
# Before the code, where a key can be pressed: no voicemail gets a code.
call-greeting = { call-hello } To hear your code, press 1.
call-code = Your code is: { $code }
call-warning = Do not share it with anyone.
# Behind the code, where a key can be pressed.
call-keys = { call-warning } To hear it again, press 1. If you did not ask for this code, press 9.
# At the end, also to somebody who pressed no key and heard no code.
call-farewell = Goodbye.
# After the key that says: I did not ask for this.
call-reported = Thank you. This code is no longer valid. Goodbye.
# In place of call-code, where the code is for a payment.
call-payment =
    { $amount }
    to { $payee }
    { call-code }
# All at once, where no key can be asked for: within 45 s.
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    to { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
