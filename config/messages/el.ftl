# Greek message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } λεπτό
       *[other] { $minutes } λεπτά
    }

sms = Κωδικός { $brand }: { $code }, για { minutes }. Μην τον δώσετε.
sms-brief = Κωδικός { $brand }: { $code }. Μην τον δώσετε.
sms-payment =
    Κωδικός { $brand } { $code } για πληρωμή
    { $amount }
    προς { $payee }
    Ισχύει για { minutes }. Μην τον δώσετε σε κανέναν.

call-hello = Χαίρετε. Σας καλεί η υπηρεσία { $brand } με τον κωδικό που ζητήσατε.
call-greeting = { call-hello } Για να τον ακούσετε, πατήστε 1.
call-code = Ο κωδικός σας είναι: { $code }
call-warning = Μην τον δώσετε σε κανέναν.
call-keys = { call-warning } Για να τον ακούσετε ξανά, πατήστε 1. Αν δεν ζητήσατε αυτόν τον κωδικό, πατήστε 9.
call-farewell = Αντίο σας.
call-reported = Ευχαριστούμε. Ο κωδικός δεν ισχύει πλέον. Αντίο σας.
call-payment =
    { $amount }
    προς { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    προς { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
