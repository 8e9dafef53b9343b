# Polish notices; en.ftl explains the form. Words are chosen that need no letter
# outside the GSM alphabet: with one there would be room for half as much.

change = { $brand }: wniosek o nowy numer telefonu na koncie. To nie Ty? Na naszej stronie cofnij: { $undo } albo zablokuj: { $report }.
    .encoding = gsm-7
security = { $brand }: zmieniono ustawienia ochrony Twojego konta. To nie Ty? Napisz do nas od razu.
    .encoding = gsm-7

call-hello = Dzień dobry. Tu { $brand }.
call-change = { call-hello } Złożono wniosek o nowy numer telefonu na koncie. To nie Ty? Na naszej stronie wpisz, by cofnąć: { $undo } by zablokować: { $report } Powtarzam. Cofnij: { $undo } Zablokuj: { $report }
call-security = { call-hello } Ustawienia ochrony Twojego konta zostały zmienione. To nie Ty? Skontaktuj się z nami teraz.
