# Spanish notices; en.ftl explains the form.

change = { $brand }: han pedido cambiar su teléfono. ¿No fue usted? En nuestra web, anule con { $undo } o denuncie con { $report }.
    .encoding = gsm-7
security = { $brand }: ha cambiado un ajuste de seguridad de su cuenta. Si no fue usted, contacte con nosotros ya.
    .encoding = gsm-7

call-hello = Hola. Le habla { $brand }.
call-change = { call-hello } Han pedido cambiar su número de teléfono. Si no fue usted, entre en nuestra web. Para anular, escriba { $undo } Para denunciar, { $report } Otra vez. Para anular, { $undo } Para denunciar, { $report }
call-security = { call-hello } Ha cambiado un ajuste de seguridad de su cuenta. Si no fue usted, póngase en contacto enseguida.
