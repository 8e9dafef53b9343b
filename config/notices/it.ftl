# Italian notices; en.ftl explains the form.

change = { $brand }: richiesto il cambio del suo numero. Non è stato lei? Sul nostro sito annulli con { $undo } o segnali con { $report }.
    .encoding = gsm-7
security = { $brand }: è cambiata un'impostazione di sicurezza del suo account. Se non è stato lei, ci contatti subito.
    .encoding = gsm-7

call-hello = Buongiorno. Qui { $brand }.
call-change = { call-hello } È stato richiesto il cambio del suo numero. Se non è stato lei, vada sul nostro sito. Per annullare, digiti { $undo } Per segnalare, { $report } Ripeto. Per annullare, { $undo } Per segnalare, { $report }
call-security = { call-hello } È cambiata un'impostazione di sicurezza del suo account. Se non è stato lei, ci contatti subito.
