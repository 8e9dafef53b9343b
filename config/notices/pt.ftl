# Portuguese notices; en.ftl explains the form.

change = { $brand }: pediram para mudar o seu telefone. Foi outra pessoa? No nosso site, anule com { $undo } ou denuncie com { $report }.
    .encoding = gsm-7
security = { $brand }: mudou um ajuste que protege a sua conta. Se foi outra pessoa, fale connosco agora.
    .encoding = gsm-7

call-hello = Bom dia. Daqui fala { $brand }.
call-change = { call-hello } Foi pedida a mudança do seu número de telefone. Se não foi você, vá ao nosso site. Para anular, digite { $undo } Para denunciar, { $report } Repetindo. Para anular, { $undo } Para denunciar, { $report }
call-security = { call-hello } Mudou um ajuste que protege a sua conta. Se não foi você, fale connosco agora.
