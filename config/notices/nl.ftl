# Dutch notices; en.ftl explains the form.

change = { $brand }: er is een wijziging van uw nummer gevraagd. Niet door u? Op onze site: herroep met { $undo } of meld met { $report }.
    .encoding = gsm-7
security = { $brand }: een beveiligingsinstelling van uw account is gewijzigd. Was u dit niet? Neem nu contact met ons op.
    .encoding = gsm-7

call-hello = Hallo. U spreekt met { $brand }.
call-change = { call-hello } Er is een wijziging van uw nummer gevraagd. Niet door u? Ga naar onze site. Om te herroepen, typ { $undo } Om te melden, { $report } Nog eens. Herroepen: { $undo } Melden: { $report }
call-security = { call-hello } Een beveiligingsinstelling van uw account is gewijzigd. Was u dit niet? Neem nu contact met ons op.
