<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>Actions</name>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>View</source>
        <translation>Ansicht</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
</context>
<context>
    <name>Application</name>
    <message>
        <source>Open a model folder</source>
        <translation>Modellordner öffnen</translation>
    </message>
    <message>
        <source>A damaged file was kept as {0} and a fresh one begun.</source>
        <translation>Eine beschädigte Datei wurde als {0} aufgehoben und eine neue begonnen.</translation>
    </message>
    <message>
        <source>Espalier cannot use its data folder.</source>
        <translation>Espalier kann seinen Datenordner nicht benutzen.</translation>
    </message>
    <message>
        <source>Espalier is already running with this data folder, but it does not answer. End it in the system&apos;s list of programs, then start it again.</source>
        <translation>Espalier läuft schon mit diesem Datenordner, antwortet aber nicht. Beende es in der Programmliste des Systems und starte es neu.</translation>
    </message>
</context>
<context>
    <name>BrowserPresenter</name>
    <message>
        <source>{0}: {1} in use by other programs now</source>
        <translation>{0}: {1} jetzt von anderen Programmen benutzt</translation>
    </message>
    <message>
        <source>{0}, with nothing else on it</source>
        <translation>{0}, mit nichts anderem darauf</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>{0}: {1} to download</source>
        <translation>{0}: {1} herunterzuladen</translation>
    </message>
    <message>
        <source>It is on this computer.</source>
        <translation>Es ist auf diesem Computer.</translation>
    </message>
    <message>
        <source>Chat with it</source>
        <translation>Damit chatten</translation>
    </message>
    <message>
        <source>It is in your downloads.</source>
        <translation>Es ist in deinen Downloads.</translation>
    </message>
    <message>
        <source>Show downloads</source>
        <translation>Downloads zeigen</translation>
    </message>
    <message>
        <source>The offline switch is on: switch it off in the settings to download.</source>
        <translation>Der Offline-Schalter ist an: Schalte ihn in den Einstellungen aus, um herunterzuladen.</translation>
    </message>
    <message>
        <source>Its files are closed until its terms are accepted on its page.</source>
        <translation>Seine Dateien sind verschlossen, bis seine Bedingungen auf seiner Seite angenommen sind.</translation>
    </message>
    <message>
        <source>No card of this computer can run it: {0}</source>
        <translation>Keine Karte dieses Computers kann es ausführen: {0}</translation>
    </message>
    <message>
        <source>This version of Espalier cannot run it. {0}</source>
        <translation>Diese Version von Espalier kann es nicht ausführen. {0}</translation>
    </message>
    <message>
        <source>Too big for this card with a context of 8k: {0}.</source>
        <translation>Zu groß für diese Karte bei einem Kontext von 8k: {0}.</translation>
    </message>
</context>
<context>
    <name>Canvas</name>
    <message>
        <source>Error of each tensor</source>
        <translation>Fehler jedes Tensors</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>{0} bit</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>error {0}</source>
        <translation>Fehler {0}</translation>
    </message>
</context>
<context>
    <name>CardView</name>
    <message>
        <source>Reading the card…</source>
        <translation>Die Modellkarte wird gelesen…</translation>
    </message>
    <message>
        <source>This repository has no card.</source>
        <translation>Dieses Repository hat keine Modellkarte.</translation>
    </message>
</context>
<context>
    <name>ChatControl</name>
    <message>
        <source>The model is loaded first; the reply comes then.</source>
        <translation>Erst wird das Modell geladen, dann kommt die Antwort.</translation>
    </message>
    <message>
        <source>Load a model first, then try again.</source>
        <translation>Lade zuerst ein Modell und versuche es dann noch einmal.</translation>
    </message>
    <message>
        <source>Open a model folder…</source>
        <translation>Modellordner öffnen …</translation>
    </message>
    <message>
        <source>New chats with {0} begin with these settings.</source>
        <translation>Neue Chats mit {0} beginnen mit diesen Einstellungen.</translation>
    </message>
    <message>
        <source>the demo model</source>
        <translation>dem Demo-Modell</translation>
    </message>
    <message>
        <source>The preset “{0}” is deleted.</source>
        <translation>Das Preset „{0}“ ist gelöscht.</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Import a preset</source>
        <translation>Preset importieren</translation>
    </message>
    <message>
        <source>Preset</source>
        <translation>Preset</translation>
    </message>
    <message>
        <source>Export a preset</source>
        <translation>Preset exportieren</translation>
    </message>
</context>
<context>
    <name>ChatPage</name>
    <message>
        <source>Load a model to start writing</source>
        <translation>Lade ein Modell, um zu schreiben</translation>
    </message>
    <message>
        <source>You can write while the model loads</source>
        <translation>Du kannst schreiben, während das Modell lädt</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>Nachricht schreiben</translation>
    </message>
    <message>
        <source>Load with {0} tokens</source>
        <translation>Mit {0} Token laden</translation>
    </message>
    <message>
        <source>Open another folder…</source>
        <translation>Anderen Ordner öffnen…</translation>
    </message>
    <message>
        <source>Load on the processor</source>
        <translation>Auf dem Prozessor laden</translation>
    </message>
    <message>
        <source>Demo model: a toy of {0} million parameters for a first look. It knows little and is often wrong.</source>
        <translation>Demo-Modell: ein Spielzeug mit {0} Millionen Parametern für einen ersten Eindruck. Es weiß wenig und irrt oft.</translation>
    </message>
    <message>
        <source>Open a real model…</source>
        <translation>Ein richtiges Modell öffnen…</translation>
    </message>
    <message>
        <source>Close this note</source>
        <translation>Diese Notiz schließen</translation>
    </message>
</context>
<context>
    <name>CodeBlock</name>
    <message>
        <source>Copy code</source>
        <translation>Code kopieren</translation>
    </message>
    <message>
        <source>text</source>
        <translation>Text</translation>
    </message>
    <message>
        <source>Code, {0}</source>
        <translation>Code, {0}</translation>
    </message>
    <message>
        <source>Code</source>
        <translation>Code</translation>
    </message>
</context>
<context>
    <name>CodeText</name>
    <message>
        <source>Code</source>
        <translation>Code</translation>
    </message>
</context>
<context>
    <name>CommandPalette</name>
    <message>
        <source>Commands</source>
        <translation>Befehle</translation>
    </message>
    <message>
        <source>What do you want to do?</source>
        <translation>Was möchtest du tun?</translation>
    </message>
    <message>
        <source>Search for a command</source>
        <translation>Einen Befehl suchen</translation>
    </message>
    <message>
        <source>No command has these letters</source>
        <translation>Kein Befehl hat diese Buchstaben</translation>
    </message>
</context>
<context>
    <name>Composer</name>
    <message>
        <source>Message</source>
        <translation>Nachricht</translation>
    </message>
    <message>
        <source>Add images</source>
        <translation>Bilder hinzufügen</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>Senden</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Anhalten</translation>
    </message>
</context>
<context>
    <name>ConfirmDialog</name>
    <message>
        <source>Keep it</source>
        <translation>Behalten</translation>
    </message>
</context>
<context>
    <name>ContextRow</name>
    <message>
        <source>Thinking</source>
        <translation>Nachdenken</translation>
    </message>
    <message>
        <source>Lets the model think before it answers: slower, often better</source>
        <translation>Lässt das Modell vor der Antwort nachdenken: langsamer, oft besser</translation>
    </message>
    <message>
        <source>Start reply with…</source>
        <translation>Antwort beginnen mit…</translation>
    </message>
    <message>
        <source>Write the first words of the reply yourself; the model goes on from there</source>
        <translation>Schreibe die ersten Worte der Antwort selbst; das Modell macht dort weiter</translation>
    </message>
    <message>
        <source>The reply starts with these words</source>
        <translation>Die Antwort beginnt mit diesen Worten</translation>
    </message>
    <message>
        <source>Start reply with</source>
        <translation>Antwort beginnen mit</translation>
    </message>
    <message>
        <source>Context with this message</source>
        <translation>Kontext mit dieser Nachricht</translation>
    </message>
    <message>
        <source>{0} of {1} tokens</source>
        <translation>{0} von {1} Token</translation>
    </message>
    <message>
        <source>{0} of {1} tokens, with what you write</source>
        <translation>{0} von {1} Token, mit dem, was du schreibst</translation>
    </message>
    <message>
        <source>{0} · oldest {1} left out</source>
        <translation>{0} · älteste {1} weggelassen</translation>
    </message>
    <message>
        <source>{0}; the oldest {1} messages are left out</source>
        <translation>{0}; die ältesten {1} Nachrichten werden weggelassen</translation>
    </message>
    <message>
        <source>{0}, images {1}</source>
        <translation>{0}, Bilder {1}</translation>
    </message>
    <message>
        <source>{0}; images take {1} of them</source>
        <translation>{0}; Bilder nehmen davon {1}</translation>
    </message>
</context>
<context>
    <name>ConversationController</name>
    <message>
        <source>{0} (branch)</source>
        <translation>{0} (Zweig)</translation>
    </message>
    <message>
        <source>Image: {0}</source>
        <translation>Bild: {0}</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
</context>
<context>
    <name>ConversationList</name>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>Folders and import</source>
        <translation>Ordner und Import</translation>
    </message>
    <message>
        <source>New folder</source>
        <translation>Neuer Ordner</translation>
    </message>
    <message>
        <source>Import chats…</source>
        <translation>Chats importieren…</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
    <message>
        <source>Remove folder, keep chats</source>
        <translation>Ordner entfernen, Chats behalten</translation>
    </message>
    <message>
        <source>Unpin</source>
        <translation>Lösen</translation>
    </message>
    <message>
        <source>Pin to top</source>
        <translation>Oben anheften</translation>
    </message>
    <message>
        <source>Move to folder</source>
        <translation>In einen Ordner verschieben</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>Markdown…</source>
        <translation>Markdown…</translation>
    </message>
    <message>
        <source>Web page…</source>
        <translation>Webseite…</translation>
    </message>
    <message>
        <source>JSON, with all versions…</source>
        <translation>JSON, mit allen Versionen…</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Löschen</translation>
    </message>
    <message>
        <source>No folder</source>
        <translation>Kein Ordner</translation>
    </message>
    <message>
        <source>Search chats</source>
        <translation>Chats durchsuchen</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>In allen Chats suchen</translation>
    </message>
    <message>
        <source>Clear the search</source>
        <translation>Suche leeren</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>Gespräche</translation>
    </message>
    <message>
        <source>No chat contains “{0}”.</source>
        <translation>Kein Chat enthält „{0}“.</translation>
    </message>
    <message>
        <source>Your conversations will be listed here.</source>
        <translation>Hier werden deine Gespräche aufgeführt.</translation>
    </message>
    <message>
        <source>Folder {0}, closed, chats: {1}</source>
        <translation>Ordner {0}, zugeklappt, Chats: {1}</translation>
    </message>
    <message>
        <source>Folder {0}, open, chats: {1}</source>
        <translation>Ordner {0}, aufgeklappt, Chats: {1}</translation>
    </message>
    <message>
        <source>Folders</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Last 7 days</source>
        <translation>Letzte 7 Tage</translation>
    </message>
    <message>
        <source>Messages</source>
        <translation>Nachrichten</translation>
    </message>
    <message>
        <source>Older</source>
        <translation>Älter</translation>
    </message>
    <message>
        <source>Pinned</source>
        <translation>Angeheftet</translation>
    </message>
    <message>
        <source>Titles</source>
        <translation>Titel</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>Heute</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>Gestern</translation>
    </message>
    <message>
        <source>{0}, pinned</source>
        <translation>{0}, angeheftet</translation>
    </message>
</context>
<context>
    <name>ConversationView</name>
    <message>
        <source>No folder</source>
        <translation>Kein Ordner</translation>
    </message>
</context>
<context>
    <name>ConversionController</name>
    <message>
        <source>The conversion ended.</source>
        <translation>Die Umwandlung ist zu Ende gegangen.</translation>
    </message>
    <message>
        <source>Go on with it.</source>
        <translation>Setze sie fort.</translation>
    </message>
    <message>
        <source>{0} cannot be written: {1}.</source>
        <translation>{0} lässt sich nicht schreiben: {1}.</translation>
    </message>
    <message>
        <source>Free some space, then try again.</source>
        <translation>Schaffe Platz und versuche es noch einmal.</translation>
    </message>
</context>
<context>
    <name>Convert</name>
    <message>
        <source>Block {0}</source>
        <translation>Block {0}</translation>
    </message>
    <message>
        <source>Block {0} of {1}</source>
        <translation>Block {0} von {1}</translation>
    </message>
    <message>
        <source>Choose another folder, another name or another text.</source>
        <translation>Wähle einen anderen Ordner, einen anderen Namen oder einen anderen Text.</translation>
    </message>
    <message>
        <source>Choosing bits by measurements</source>
        <translation>Wählt Bits durch Messungen</translation>
    </message>
    <message>
        <source>Deleting what was made…</source>
        <translation>Löscht, was entstanden ist …</translation>
    </message>
    <message>
        <source>Done · {0} bits · {1} · took {2}</source>
        <translation>Fertig · {0} Bit · {1} · in {2}</translation>
    </message>
    <message>
        <source>Ended by an error</source>
        <translation>Durch einen Fehler beendet</translation>
    </message>
    <message>
        <source>Free some space, or choose a folder on another disk.</source>
        <translation>Schaffe Platz oder wähle einen Ordner auf einem anderen Laufwerk.</translation>
    </message>
    <message>
        <source>Free some space, then go on.</source>
        <translation>Schaffe Platz und setze dann fort.</translation>
    </message>
    <message>
        <source>Memory is short: the computer may become slow, or end the conversion. Close other programs first.</source>
        <translation>Der Arbeitsspeicher ist knapp: Der Rechner kann langsam werden oder die Umwandlung beenden. Schließe vorher andere Programme.</translation>
    </message>
    <message>
        <source>Nothing is quantized yet.</source>
        <translation>Noch ist nichts quantisiert.</translation>
    </message>
    <message>
        <source>Output head</source>
        <translation>Ausgabekopf</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>Pausing after this block · {0}</source>
        <translation>Hält nach diesem Block an · {0}</translation>
    </message>
    <message>
        <source>Reading the model and the calibration text…</source>
        <translation>Liest das Modell und den Kalibriertext …</translation>
    </message>
    <message>
        <source>Takes about {0}</source>
        <translation>Dauert etwa {0}</translation>
    </message>
    <message>
        <source>The model writes text to calibrate with</source>
        <translation>Das Modell schreibt Text zum Kalibrieren</translation>
    </message>
    <message>
        <source>The processor does the work, which takes far longer: {0}</source>
        <translation>Der Prozessor rechnet, was weit länger dauert: {0}</translation>
    </message>
    <message>
        <source>Works on {0}, with at least {1} of its memory</source>
        <translation>Rechnet auf {0} mit mindestens {1} von deren Speicher</translation>
    </message>
    <message>
        <source>Writing the files…</source>
        <translation>Schreibt die Dateien …</translation>
    </message>
    <message>
        <source>measuring the time</source>
        <translation>Dauer wird gemessen</translation>
    </message>
    <message>
        <source>with its whole context of {0}</source>
        <translation>mit seinem ganzen Kontext von {0}</translation>
    </message>
    <message>
        <source>with {0} context</source>
        <translation>mit {0} Kontext</translation>
    </message>
    <message>
        <source>with {0} context, and only with an 8-bit cache</source>
        <translation>mit {0} Kontext, und nur mit einem 8-Bit-Cache</translation>
    </message>
    <message>
        <source>with {0} context, {1} with an 8-bit cache</source>
        <translation>mit {0} Kontext, {1} mit einem 8-Bit-Cache</translation>
    </message>
    <message>
        <source>{0} billion parameters</source>
        <translation>{0} Milliarden Parameter</translation>
    </message>
    <message>
        <source>{0} block</source>
        <translation>{0} Block</translation>
    </message>
    <message>
        <source>{0} blocks</source>
        <translation>{0} Blöcke</translation>
    </message>
    <message>
        <source>{0} for the result and up to {1} meanwhile</source>
        <translation>{0} für das Ergebnis und bis zu {1} währenddessen</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>noch {0}</translation>
    </message>
    <message>
        <source>{0} million parameters</source>
        <translation>{0} Millionen Parameter</translation>
    </message>
    <message>
        <source>{0} missing, choose fewer bits</source>
        <translation>es fehlen {0}, wähle weniger Bit</translation>
    </message>
    <message>
        <source>{0} of memory</source>
        <translation>{0} Arbeitsspeicher</translation>
    </message>
    <message>
        <source>{0} of memory, {1} are available</source>
        <translation>{0} Arbeitsspeicher, {1} sind verfügbar</translation>
    </message>
    <message>
        <source>{0} of {1} blocks are done</source>
        <translation>{0} von {1} Blöcken sind fertig</translation>
    </message>
    <message>
        <source>{0} on disk for the result and up to {1} meanwhile, {2} are free</source>
        <translation>{0} auf dem Laufwerk für das Ergebnis und bis zu {1} währenddessen, {2} sind frei</translation>
    </message>
    <message>
        <source>{0} tensors. Error from {1} to {2}, the highest in {3}, {4}.</source>
        <translation>{0} Tensoren. Fehler von {1} bis {2}, der höchste in {3}, {4}.</translation>
    </message>
    <message>
        <source>{0}, {1} % of the original</source>
        <translation>{0}, {1} % des Originals</translation>
    </message>
</context>
<context>
    <name>ConvertChild</name>
    <message>
        <source>{0} cannot be started: {1}.</source>
        <translation>{0} lässt sich nicht starten: {1}.</translation>
    </message>
    <message>
        <source>Install the program again.</source>
        <translation>Installiere das Programm neu.</translation>
    </message>
    <message>
        <source>The conversion ended with a fault of the program: {0}.</source>
        <translation>Die Umwandlung endete mit einem Fehler des Programms: {0}.</translation>
    </message>
    <message>
        <source>What is finished is kept. Go on with it, or report the fault.</source>
        <translation>Was fertig ist, bleibt erhalten. Setze fort oder melde den Fehler.</translation>
    </message>
    <message>
        <source>The system ended the conversion, most likely because memory ran out.</source>
        <translation>Das System hat die Umwandlung beendet, vermutlich weil der Arbeitsspeicher nicht reichte.</translation>
    </message>
    <message>
        <source>What is finished is kept. Close other programs or unload the model, then go on.</source>
        <translation>Was fertig ist, bleibt erhalten. Schließe andere Programme oder entlade das Modell, dann setze fort.</translation>
    </message>
</context>
<context>
    <name>ConvertPage</name>
    <message>
        <source>Makes a smaller EXL3 model out of an original one, at the bitrate that fits your card. That takes from minutes to hours; it can be paused and goes on after a restart.</source>
        <translation>Macht aus einem Originalmodell ein kleineres EXL3-Modell, mit der Bitrate, die zu deiner Karte passt. Das dauert Minuten bis Stunden; es lässt sich anhalten und geht nach einem Neustart weiter.</translation>
    </message>
    <message>
        <source>Convert</source>
        <translation>Umwandeln</translation>
    </message>
    <message>
        <source>What is finished is deleted from {0}. To keep it for later, pause instead.</source>
        <translation>Was fertig ist, wird aus {0} gelöscht. Um es für später zu behalten, halte stattdessen an.</translation>
    </message>
    <message>
        <source>Cancel the conversion to {0}?</source>
        <translation>Umwandlung in {0} abbrechen?</translation>
    </message>
    <message>
        <source>Cancel and delete</source>
        <translation>Abbrechen und löschen</translation>
    </message>
</context>
<context>
    <name>ConvertPresenter</name>
    <message>
        <source>There is a conversion already. Finish or cancel it first.</source>
        <translation>Es gibt schon eine Umwandlung. Beende sie zuerst oder brich sie ab.</translation>
    </message>
    <message>
        <source>Choose the folder of an original model</source>
        <translation>Ordner eines Originalmodells wählen</translation>
    </message>
    <message>
        <source>Type a name that a folder can have.</source>
        <translation>Gib einen Namen ein, den ein Ordner haben kann.</translation>
    </message>
    <message>
        <source>Measuring what it takes…</source>
        <translation>Misst, was nötig ist …</translation>
    </message>
    <message>
        <source>Choose a folder for the result</source>
        <translation>Ordner für das Ergebnis wählen</translation>
    </message>
    <message>
        <source>Choose a text to calibrate with</source>
        <translation>Kalibriertext wählen</translation>
    </message>
    <message>
        <source>Choose a folder of texts to calibrate with</source>
        <translation>Ordner mit Kalibriertexten wählen</translation>
    </message>
    <message>
        <source>{0} is loaded on {1} and stays usable. Replies and the conversion slow each other down; unload it when memory is short.</source>
        <translation>{0} ist auf {1} geladen und bleibt benutzbar. Antworten und Umwandlung bremsen einander; entlade es, wenn der Speicher knapp wird.</translation>
    </message>
    <message>
        <source>Show it</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>{0} is converted.</source>
        <translation>{0} ist umgewandelt.</translation>
    </message>
    <message>
        <source>Load it</source>
        <translation>Laden</translation>
    </message>
</context>
<context>
    <name>Converting</name>
    <message>
        <source>A conversion goes on only while the window is open. What is finished is kept, and the Convert page offers to go on at the next start.</source>
        <translation>Eine Umwandlung läuft nur, solange das Fenster offen ist. Was fertig ist, bleibt erhalten, und die Seite Umwandeln bietet beim nächsten Start an, fortzusetzen.</translation>
    </message>
    <message>
        <source>Close while a conversion goes on?</source>
        <translation>Während einer Umwandlung schließen?</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>Fenster schließen</translation>
    </message>
    <message>
        <source>Keep it open</source>
        <translation>Offen lassen</translation>
    </message>
</context>
<context>
    <name>CrashDialog</name>
    <message>
        <source>Something went wrong</source>
        <translation>Etwas ist schiefgegangen</translation>
    </message>
    <message>
        <source>Espalier ended unexpectedly last time</source>
        <translation>Espalier wurde zuletzt unerwartet beendet</translation>
    </message>
    <message>
        <source>Crash report</source>
        <translation>Absturzbericht</translation>
    </message>
    <message>
        <source>This is a fault of the program. Your conversations are saved. Nothing is sent to anyone; the report lies here:</source>
        <translation>Das ist ein Fehler des Programms. Deine Gespräche sind gesichert. Nichts wird irgendwohin gesendet; der Bericht liegt hier:</translation>
    </message>
    <message>
        <source>The report could not be written to disk.</source>
        <translation>Der Bericht konnte nicht gesichert werden.</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Copy report</source>
        <translation>Bericht kopieren</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>CutLine</name>
    <message>
        <source>The last reply was written without the messages above this line</source>
        <translation>Die letzte Antwort wurde ohne die Nachrichten über dieser Linie geschrieben</translation>
    </message>
</context>
<context>
    <name>DetailPane</name>
    <message>
        <source>Back to the list</source>
        <translation>Zurück zur Liste</translation>
    </message>
    <message>
        <source>Name of the model</source>
        <translation>Name des Modells</translation>
    </message>
    <message>
        <source>Open its page</source>
        <translation>Seine Seite öffnen</translation>
    </message>
    <message>
        <source>Leave other programs out</source>
        <translation>Andere Programme weglassen</translation>
    </message>
    <message>
        <source>Judges as if every other program that uses the card were closed.</source>
        <translation>Urteilt, als wäre jedes andere Programm geschlossen, das die Karte benutzt.</translation>
    </message>
    <message>
        <source>Choose a model to see its variants and what fits.</source>
        <translation>Wähle ein Modell, um seine Varianten zu sehen und was davon passt.</translation>
    </message>
    <message>
        <source>Asking the hub for more…</source>
        <translation>Der Hub wird nach mehr gefragt…</translation>
    </message>
    <message>
        <source>Asking the hub…</source>
        <translation>Der Hub wird gefragt…</translation>
    </message>
    <message>
        <source>The sizes are those of the list that came with Espalier.</source>
        <translation>Die Größen stammen aus der Liste, die mit Espalier kam.</translation>
    </message>
    <message>
        <source>There are no files of a model here yet. Its owner may still be uploading them.</source>
        <translation>Hier sind noch keine Dateien eines Modells. Vielleicht lädt der Besitzer sie noch hoch.</translation>
    </message>
    <message>
        <source>There is no variant {0} here. These are all that there are.</source>
        <translation>Eine Variante {0} gibt es hier nicht. Das sind alle, die es gibt.</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Enter a token</source>
        <translation>Token eingeben</translation>
    </message>
    <message>
        <source>Variants</source>
        <translation>Varianten</translation>
    </message>
    <message>
        <source>Model card</source>
        <translation>Modellkarte</translation>
    </message>
    <message>
        <source>changed {0}</source>
        <translation>geändert {0}</translation>
    </message>
    <message>
        <source>gated: its terms are accepted on its page</source>
        <translation>beschränkt: Seine Bedingungen werden auf seiner Seite angenommen</translation>
    </message>
    <message>
        <source>made from {0}</source>
        <translation>gemacht aus {0}</translation>
    </message>
    <message>
        <source>sees pictures</source>
        <translation>sieht Bilder</translation>
    </message>
</context>
<context>
    <name>DownloadBar</name>
    <message>
        <source>Download</source>
        <translation>Herunterladen</translation>
    </message>
    <message>
        <source>Download anyway</source>
        <translation>Trotzdem herunterladen</translation>
    </message>
    <message>
        <source>Preparing…</source>
        <translation>Wird vorbereitet…</translation>
    </message>
</context>
<context>
    <name>DownloadCard</name>
    <message>
        <source>Move up</source>
        <translation>Nach oben</translation>
    </message>
    <message>
        <source>Move down</source>
        <translation>Nach unten</translation>
    </message>
    <message>
        <source>Show the files</source>
        <translation>Dateien zeigen</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>Jetzt versuchen</translation>
    </message>
    <message>
        <source>Open its page</source>
        <translation>Seine Seite öffnen</translation>
    </message>
    <message>
        <source>Enter a token</source>
        <translation>Token eingeben</translation>
    </message>
    <message>
        <source>Chat with it</source>
        <translation>Damit chatten</translation>
    </message>
    <message>
        <source>Remove from the list</source>
        <translation>Aus der Liste entfernen</translation>
    </message>
    <message>
        <source>Cancel…</source>
        <translation>Abbrechen…</translation>
    </message>
    <message>
        <source>Progress of {0}</source>
        <translation>Fortschritt von {0}</translation>
    </message>
    <message>
        <source>The files are listed as soon as the transfer goes on.</source>
        <translation>Die Dateien werden aufgeführt, sobald die Übertragung weitergeht.</translation>
    </message>
    <message>
        <source>Hide the files</source>
        <translation>Dateien verbergen</translation>
    </message>
</context>
<context>
    <name>Downloads</name>
    <message>
        <source>Cancelled</source>
        <translation>Abgebrochen</translation>
    </message>
    <message>
        <source>Checking what is there</source>
        <translation>Es wird geprüft, was da ist</translation>
    </message>
    <message>
        <source>Downloaded and verified</source>
        <translation>Heruntergeladen und geprüft</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Gescheitert</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>Stalled, retrying in {0} s</source>
        <translation>Steht still, neuer Versuch in {0} s</translation>
    </message>
    <message>
        <source>Transferring</source>
        <translation>Wird übertragen</translation>
    </message>
    <message>
        <source>Verifying</source>
        <translation>Wird geprüft</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>stalled</source>
        <translation>steht still</translation>
    </message>
    <message>
        <source>time left unknown</source>
        <translation>Restzeit unbekannt</translation>
    </message>
    <message>
        <source>transferring</source>
        <translation>wird übertragen</translation>
    </message>
    <message>
        <source>verified</source>
        <translation>geprüft</translation>
    </message>
    <message>
        <source>verifying</source>
        <translation>wird geprüft</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>{0} days</source>
        <translation>{0} Tage</translation>
    </message>
    <message>
        <source>{0} h {1} min</source>
        <translation>{0} h {1} min</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>noch {0}</translation>
    </message>
    <message>
        <source>{0} min</source>
        <translation>{0} min</translation>
    </message>
    <message>
        <source>{0} of {1} {2}</source>
        <translation>{0} von {1} {2}</translation>
    </message>
    <message>
        <source>{0} s</source>
        <translation>{0} s</translation>
    </message>
    <message>
        <source>{0}/s</source>
        <translation>{0}/s</translation>
    </message>
</context>
<context>
    <name>DownloadsPage</name>
    <message>
        <source>Pause all</source>
        <translation>Alle anhalten</translation>
    </message>
    <message>
        <source>Resume all</source>
        <translation>Alle fortsetzen</translation>
    </message>
    <message>
        <source>Clear finished</source>
        <translation>Fertige entfernen</translation>
    </message>
    <message>
        <source>Find a model</source>
        <translation>Modell finden</translation>
    </message>
    <message>
        <source>{0} of {1} have come. They are deleted from {2}. To keep them for later, pause instead.</source>
        <translation>{0} von {1} sind da. Sie werden aus {2} gelöscht. Um sie für später zu behalten, halte stattdessen an.</translation>
    </message>
    <message>
        <source>Cancel the download of {0}?</source>
        <translation>Den Download von {0} abbrechen?</translation>
    </message>
    <message>
        <source>Cancel and delete</source>
        <translation>Abbrechen und löschen</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>Downloads</translation>
    </message>
    <message>
        <source>Offline: nothing is downloaded. The models on this computer still work.</source>
        <translation>Offline: Nichts wird heruntergeladen. Die Modelle auf diesem Computer gehen weiterhin.</translation>
    </message>
    <message>
        <source>Go online</source>
        <translation>Online gehen</translation>
    </message>
    <message>
        <source>Nothing is being downloaded. Models that you choose come here. They go on after a lost connection or a restart, and are checked before they can be used.</source>
        <translation>Nichts wird heruntergeladen. Modelle, die du wählst, kommen hierher. Sie laufen nach einer verlorenen Verbindung oder einem Neustart weiter und werden geprüft, bevor sie benutzt werden können.</translation>
    </message>
</context>
<context>
    <name>DropOverlay</name>
    <message>
        <source>Drop a model folder to load it</source>
        <translation>Einen Modellordner ablegen, um ihn zu laden</translation>
    </message>
    <message>
        <source>Drop an original model to convert it</source>
        <translation>Originalmodell ablegen, um es umzuwandeln</translation>
    </message>
    <message>
        <source>Drop the images to add them to your message</source>
        <translation>Bilder ablegen, um sie der Nachricht hinzuzufügen</translation>
    </message>
</context>
<context>
    <name>EmptyState</name>
    <message>
        <source>No model is loaded</source>
        <translation>Kein Modell ist geladen</translation>
    </message>
    <message>
        <source>Open the folder of an EXL3 model, or drop it anywhere on this window.</source>
        <translation>Öffne den Ordner eines EXL3-Modells oder lege ihn irgendwo auf diesem Fenster ab.</translation>
    </message>
    <message>
        <source>Open a folder…</source>
        <translation>Ordner öffnen…</translation>
    </message>
    <message>
        <source>Load the demo model</source>
        <translation>Demo-Modell laden</translation>
    </message>
    <message>
        <source>Loading {0}</source>
        <translation>{0} wird geladen</translation>
    </message>
    <message>
        <source>You can write your first message meanwhile.</source>
        <translation>Du kannst inzwischen deine erste Nachricht schreiben.</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>You are talking to {0}. Everything stays on this computer.</source>
        <translation>Du sprichst mit {0}. Alles bleibt auf diesem Computer.</translation>
    </message>
    <message>
        <source>This is the demo model: it is tiny, speaks English and sees simple pictures. Everything stays on this computer.</source>
        <translation>Das ist das Demo-Modell: Es ist winzig, spricht Englisch und sieht einfache Bilder. Alles bleibt auf diesem Computer.</translation>
    </message>
    <message>
        <source>Look at a picture and say what is in it</source>
        <translation>Ein Bild ansehen und sagen, was darauf ist</translation>
    </message>
    <message>
        <source>Explain how a bicycle stays upright, in three sentences</source>
        <translation>Erkläre in drei Sätzen, warum ein Fahrrad nicht umfällt</translation>
    </message>
    <message>
        <source>Write a Python function that finds the longest word in a text</source>
        <translation>Schreibe Python, das das längste Wort eines Textes findet</translation>
    </message>
    <message>
        <source>Suggest a weekend menu for four with what is in season</source>
        <translation>Schlage ein Menü für vier vor, mit Saisonalem</translation>
    </message>
</context>
<context>
    <name>ErrorCard</name>
    <message>
        <source>Error: {0}</source>
        <translation>Fehler: {0}</translation>
    </message>
    <message>
        <source>Retry</source>
        <translation>Noch einmal</translation>
    </message>
    <message>
        <source>Copy details</source>
        <translation>Einzelheiten kopieren</translation>
    </message>
</context>
<context>
    <name>ErrorPlot</name>
    <message>
        <source>attention</source>
        <translation>Attention</translation>
    </message>
    <message>
        <source>MLP</source>
        <translation>MLP</translation>
    </message>
    <message>
        <source>output head</source>
        <translation>Ausgabekopf</translation>
    </message>
    <message>
        <source>Each tensor is drawn when its block is finished.</source>
        <translation>Jeder Tensor wird gezeichnet, wenn sein Block fertig ist.</translation>
    </message>
    <message>
        <source>Point at a mark, or press the arrow keys in the picture, to read which tensor it is.</source>
        <translation>Zeige auf eine Marke oder drücke im Bild die Pfeiltasten, um zu lesen, welcher Tensor es ist.</translation>
    </message>
</context>
<context>
    <name>Errors</name>
    <message>
        <source>A head of {0} bits is not possible.</source>
        <translation>Ein Kopf mit {0} Bit ist nicht möglich.</translation>
    </message>
    <message>
        <source>A message of the role {0} has an image.</source>
        <translation>Eine Nachricht der Rolle {0} hat ein Bild.</translation>
    </message>
    <message>
        <source>A request needs either messages or a prompt.</source>
        <translation>Eine Anfrage braucht entweder Nachrichten oder einen Prompt.</translation>
    </message>
    <message>
        <source>A shard may be missing or config.json may belong to another model; download the model again.</source>
        <translation>Vielleicht fehlt eine Teildatei, oder config.json gehört zu einem anderen Modell; lade das Modell neu herunter.</translation>
    </message>
    <message>
        <source>A shard may be missing or the files may belong to different models; download the model again.</source>
        <translation>Vielleicht fehlt eine Teildatei, oder die Dateien gehören zu verschiedenen Modellen; lade das Modell neu herunter.</translation>
    </message>
    <message>
        <source>Accept the terms on {0} and wait until access is granted, then resume.</source>
        <translation>Nimm die Bedingungen auf {0} an und warte, bis der Zugang gewährt ist; setze dann fort.</translation>
    </message>
    <message>
        <source>Accept the terms on {0}, enter a token in the settings, then resume.</source>
        <translation>Nimm die Bedingungen auf {0} an, gib in den Einstellungen ein Token ein und setze dann fort.</translation>
    </message>
    <message>
        <source>Accept them on its page, add a token of yours in the settings, then try again.</source>
        <translation>Nimm sie auf seiner Seite an, gib in den Einstellungen dein Token ein und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Accept them on its page, then try again.</source>
        <translation>Nimm sie auf seiner Seite an und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Add a token in the settings.</source>
        <translation>Gib in den Einstellungen ein Token ein.</translation>
    </message>
    <message>
        <source>Add it again from its file.</source>
        <translation>Füge es aus seiner Datei noch einmal hinzu.</translation>
    </message>
    <message>
        <source>Allow fewer pixels for an image, load the model with a smaller context, or close other programs.</source>
        <translation>Erlaube weniger Pixel für ein Bild, lade das Modell mit einem kleineren Kontext, oder schließe andere Programme.</translation>
    </message>
    <message>
        <source>An image takes {0} tokens that belong in one step, and a step has {1}.</source>
        <translation>Ein Bild braucht {0} Tokens, die in einen Schritt gehören, und ein Schritt hat {1}.</translation>
    </message>
    <message>
        <source>Another download writes to {0}.</source>
        <translation>Ein anderer Download schreibt nach {0}.</translation>
    </message>
    <message>
        <source>Calibrate with given text alone.</source>
        <translation>Kalibriere nur mit gegebenem Text.</translation>
    </message>
    <message>
        <source>Card {0} does not answer ({1}).</source>
        <translation>Karte {0} antwortet nicht ({1}).</translation>
    </message>
    <message>
        <source>Cards are cuda:0 to cuda:{0}.</source>
        <translation>Es gibt die Karten cuda:0 bis cuda:{0}.</translation>
    </message>
    <message>
        <source>Chat with the model without images, or choose another model.</source>
        <translation>Chatte mit dem Modell ohne Bilder, oder wähle ein anderes Modell.</translation>
    </message>
    <message>
        <source>Check that it is a file and may be read.</source>
        <translation>Prüfe, ob es eine Datei ist und gelesen werden darf.</translation>
    </message>
    <message>
        <source>Check that the file exists and may be read.</source>
        <translation>Prüfe, ob die Datei da ist und gelesen werden darf.</translation>
    </message>
    <message>
        <source>Check the address of the hub, or try later.</source>
        <translation>Prüfe die Adresse des Hubs, oder versuche es später.</translation>
    </message>
    <message>
        <source>Check the address of the hub.</source>
        <translation>Prüfe die Adresse des Hubs.</translation>
    </message>
    <message>
        <source>Check the connection and, in the settings, the hub&apos;s address and the proxy.</source>
        <translation>Prüfe die Verbindung und in den Einstellungen die Adresse des Hubs und den Proxy.</translation>
    </message>
    <message>
        <source>Check the drive and the folder&apos;s permissions, then resume.</source>
        <translation>Prüfe das Laufwerk und die Rechte des Ordners; setze dann fort.</translation>
    </message>
    <message>
        <source>Check the file and the disk, then retry.</source>
        <translation>Prüfe die Datei und das Laufwerk und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Check the file and try again.</source>
        <translation>Prüfe die Datei und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Check the hub&apos;s address in the settings, then resume.</source>
        <translation>Prüfe die Adresse des Hubs in den Einstellungen; setze dann fort.</translation>
    </message>
    <message>
        <source>Check the model&apos;s files, for a damaged download computes nonsense, or try another device.</source>
        <translation>Prüfe die Dateien des Modells, denn ein beschädigter Download rechnet Unsinn, oder versuche ein anderes Gerät.</translation>
    </message>
    <message>
        <source>Check the name.</source>
        <translation>Prüfe den Namen.</translation>
    </message>
    <message>
        <source>Check the name; for a private one add a token in the settings.</source>
        <translation>Prüfe den Namen; für ein privates Repository gib in den Einstellungen ein Token ein.</translation>
    </message>
    <message>
        <source>Check the new drive for errors; the model stays where it is.</source>
        <translation>Prüfe das neue Laufwerk auf Fehler; das Modell bleibt, wo es ist.</translation>
    </message>
    <message>
        <source>Choose a conversion made with ExLlamaV3 0.0.9 or later.</source>
        <translation>Wähle eine Umwandlung, die mit ExLlamaV3 0.0.9 oder neuer gemacht ist.</translation>
    </message>
    <message>
        <source>Choose a file that Espalier exported as JSON; nothing was imported.</source>
        <translation>Wähle eine Datei, die Espalier als JSON exportiert hat; nichts wurde importiert.</translation>
    </message>
    <message>
        <source>Choose a folder on a drive with NTFS, exFAT, ext4 or APFS.</source>
        <translation>Wähle einen Ordner auf einem Laufwerk mit NTFS, exFAT, ext4 oder APFS.</translation>
    </message>
    <message>
        <source>Choose a folder outside of the model&apos;s own.</source>
        <translation>Wähle einen Ordner außerhalb des Ordners des Modells.</translation>
    </message>
    <message>
        <source>Choose a model for chats.</source>
        <translation>Wähle ein Modell für Chats.</translation>
    </message>
    <message>
        <source>Choose a model of another family.</source>
        <translation>Wähle ein Modell einer anderen Familie.</translation>
    </message>
    <message>
        <source>Choose a model of one of these families: {0}.</source>
        <translation>Wähle ein Modell aus einer dieser Familien: {0}.</translation>
    </message>
    <message>
        <source>Choose a model whose activation is gelu_pytorch_tanh.</source>
        <translation>Wähle ein Modell, dessen Aktivierung gelu_pytorch_tanh ist.</translation>
    </message>
    <message>
        <source>Choose a model whose activation is silu.</source>
        <translation>Wähle ein Modell, dessen Aktivierung silu ist.</translation>
    </message>
    <message>
        <source>Choose a new or empty output folder with -o, or go on with a conversion by -r.</source>
        <translation>Wähle mit -o einen neuen oder leeren Zielordner, oder setze eine Umwandlung mit -r fort.</translation>
    </message>
    <message>
        <source>Choose a number above 0.</source>
        <translation>Wähle eine Zahl über 0.</translation>
    </message>
    <message>
        <source>Choose a number such as 4 or 3.75.</source>
        <translation>Wähle eine Zahl wie 4 oder 3,75.</translation>
    </message>
    <message>
        <source>Choose a preset that Espalier exported; nothing was imported.</source>
        <translation>Wähle ein Preset, das Espalier exportiert hat; nichts wurde importiert.</translation>
    </message>
    <message>
        <source>Choose a value from {0} to {1}.</source>
        <translation>Wähle einen Wert von {0} bis {1}.</translation>
    </message>
    <message>
        <source>Choose a value of at least 1.</source>
        <translation>Wähle einen Wert von mindestens 1.</translation>
    </message>
    <message>
        <source>Choose a value of at least {0}.</source>
        <translation>Wähle einen Wert von mindestens {0}.</translation>
    </message>
    <message>
        <source>Choose a value of at most {0}.</source>
        <translation>Wähle einen Wert von höchstens {0}.</translation>
    </message>
    <message>
        <source>Choose an EXL3 or an fp16 or bf16 version of the model.</source>
        <translation>Wähle eine Fassung des Modells in EXL3, fp16 oder bf16.</translation>
    </message>
    <message>
        <source>Choose an EXL3 version of the model, or one in fp16 or bf16.</source>
        <translation>Wähle eine EXL3-Fassung des Modells, oder eine in fp16 oder bf16.</translation>
    </message>
    <message>
        <source>Choose an EXL3 version of the model, or one in fp16, bf16 or fp32.</source>
        <translation>Wähle eine EXL3-Fassung des Modells, oder eine in fp16, bf16 oder fp32.</translation>
    </message>
    <message>
        <source>Choose an existing model folder.</source>
        <translation>Wähle einen Modellordner, den es gibt.</translation>
    </message>
    <message>
        <source>Choose an image file.</source>
        <translation>Wähle eine Bilddatei.</translation>
    </message>
    <message>
        <source>Choose another branch, or try again when its owner has uploaded them.</source>
        <translation>Wähle einen anderen Zweig, oder versuche es wieder, wenn der Besitzer sie hochgeladen hat.</translation>
    </message>
    <message>
        <source>Choose another folder and try again.</source>
        <translation>Wähle einen anderen Ordner und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Choose another folder, or move away what lies there.</source>
        <translation>Wähle einen anderen Ordner, oder räume weg, was dort liegt.</translation>
    </message>
    <message>
        <source>Choose another image.</source>
        <translation>Wähle ein anderes Bild.</translation>
    </message>
    <message>
        <source>Choose another model for images.</source>
        <translation>Wähle für Bilder ein anderes Modell.</translation>
    </message>
    <message>
        <source>Choose another output folder with -o.</source>
        <translation>Wähle mit -o einen anderen Zielordner.</translation>
    </message>
    <message>
        <source>Choose another repository, and tell the owner of this one.</source>
        <translation>Wähle ein anderes Repository und sag dem Besitzer von diesem Bescheid.</translation>
    </message>
    <message>
        <source>Choose another repository.</source>
        <translation>Wähle ein anderes Repository.</translation>
    </message>
    <message>
        <source>Choose at least 1.</source>
        <translation>Wähle mindestens 1.</translation>
    </message>
    <message>
        <source>Choose one that is listed.</source>
        <translation>Wähle eine, die aufgeführt ist.</translation>
    </message>
    <message>
        <source>Choose the folder of a model, or download the missing file.</source>
        <translation>Wähle den Ordner eines Modells, oder lade die fehlende Datei herunter.</translation>
    </message>
    <message>
        <source>Choose the folder of an EXL3 model, or of a model in fp16 or bf16 safetensors.</source>
        <translation>Wähle den Ordner eines EXL3-Modells, oder eines Modells in fp16 oder bf16 als safetensors.</translation>
    </message>
    <message>
        <source>Choose the folder of an installed model.</source>
        <translation>Wähle den Ordner eines installierten Modells.</translation>
    </message>
    <message>
        <source>Choose the folder that holds config.json and the weights.</source>
        <translation>Wähle den Ordner, in dem config.json und die Gewichte liegen.</translation>
    </message>
    <message>
        <source>Choose {0} to {1}, or {2} to leave the head as it is.</source>
        <translation>Wähle {0} bis {1} oder {2}, um den Kopf unverändert zu lassen.</translation>
    </message>
    <message>
        <source>Clear the system prompt, or say it in your first message instead.</source>
        <translation>Leere den System-Prompt, oder sage es stattdessen in deiner ersten Nachricht.</translation>
    </message>
    <message>
        <source>Close other programs or choose a smaller model.</source>
        <translation>Schließe andere Programme, oder wähle ein kleineres Modell.</translation>
    </message>
    <message>
        <source>Close other programs that use the card, then go on with the option -r.</source>
        <translation>Schließe andere Programme, die die Karte benutzen, und setze dann mit der Option -r fort.</translation>
    </message>
    <message>
        <source>Close other programs, or choose a smaller model or a lower bitrate.</source>
        <translation>Schließe andere Programme, oder wähle ein kleineres Modell oder eine niedrigere Bitrate.</translation>
    </message>
    <message>
        <source>Close other programs, or make the image smaller.</source>
        <translation>Schließe andere Programme, oder mache das Bild kleiner.</translation>
    </message>
    <message>
        <source>Close other programs, use a cache of {0} bits, or choose a smaller model or a lower bitrate.</source>
        <translation>Schließe andere Programme, nimm einen Cache mit {0} Bit, oder wähle ein kleineres Modell oder eine niedrigere Bitrate.</translation>
    </message>
    <message>
        <source>Convert from the original model in fp16, bf16 or fp32.</source>
        <translation>Wandle das Originalmodell in fp16, bf16 oder fp32 um.</translation>
    </message>
    <message>
        <source>Copy it whole from the hub&apos;s page of access tokens.</source>
        <translation>Kopiere es ganz von der Seite des Hubs mit den Zugangs-Token.</translation>
    </message>
    <message>
        <source>Correct the file or download it again.</source>
        <translation>Berichtige die Datei, oder lade sie neu herunter.</translation>
    </message>
    <message>
        <source>Cut the image into shorter pieces.</source>
        <translation>Schneide das Bild in kürzere Stücke.</translation>
    </message>
    <message>
        <source>Delete it by hand, then cancel again.</source>
        <translation>Lösche es von Hand und brich dann noch einmal ab.</translation>
    </message>
    <message>
        <source>Delete it with the hub&apos;s own tool: hf cache.</source>
        <translation>Lösche es mit dem Werkzeug des Hubs: hf cache.</translation>
    </message>
    <message>
        <source>Delete the file yourself.</source>
        <translation>Lösche die Datei selbst.</translation>
    </message>
    <message>
        <source>Download an EXL3 version of the model.</source>
        <translation>Lade eine EXL3-Version des Modells herunter.</translation>
    </message>
    <message>
        <source>Download the missing files.</source>
        <translation>Lade die fehlenden Dateien herunter.</translation>
    </message>
    <message>
        <source>Download the model again, or copy tokenizer.json from the original model into the folder.</source>
        <translation>Lade das Modell neu herunter, oder kopiere tokenizer.json vom ursprünglichen Modell in den Ordner.</translation>
    </message>
    <message>
        <source>Download {0} of this model again.</source>
        <translation>Lade {0} dieses Modells neu herunter.</translation>
    </message>
    <message>
        <source>Enter a valid token with the right to read in the settings, then resume.</source>
        <translation>Gib in den Einstellungen ein gültiges Token mit Leserecht ein; setze dann fort.</translation>
    </message>
    <message>
        <source>Enter an HTTP proxy, written http://host:port, in the settings.</source>
        <translation>Gib in den Einstellungen einen HTTP-Proxy ein, in der Form http://host:port.</translation>
    </message>
    <message>
        <source>Enter one, and use the hub&apos;s own address.</source>
        <translation>Gib eines ein und benutze die Adresse des Hubs selbst.</translation>
    </message>
    <message>
        <source>Files of {0} have vanished from {1} meanwhile.</source>
        <translation>Inzwischen sind Dateien von {0} aus {1} verschwunden.</translation>
    </message>
    <message>
        <source>Free some space or check the folder.</source>
        <translation>Schaffe etwas Platz, oder prüfe den Ordner.</translation>
    </message>
    <message>
        <source>Free some space there or choose a folder on another drive, then resume: what is there is kept.</source>
        <translation>Schaffe dort etwas Platz, oder wähle einen Ordner auf einem anderen Laufwerk, und setze dann fort: Was da ist, bleibt.</translation>
    </message>
    <message>
        <source>Free some space, or name folders on another disk with -o and -w.</source>
        <translation>Schaffe Platz oder nenne mit -o und -w Ordner auf einem anderen Laufwerk.</translation>
    </message>
    <message>
        <source>Free some space, then go on with the option -r.</source>
        <translation>Schaffe Platz und setze dann mit der Option -r fort.</translation>
    </message>
    <message>
        <source>Get the file again, or open it in an image editor and save it as PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF.</source>
        <translation>Hole die Datei noch einmal, oder öffne sie in einem Bildprogramm und speichere sie als PNG, JPEG, WebP, BMP, GIF, TIFF oder AVIF.</translation>
    </message>
    <message>
        <source>Give a part of the type &quot;text&quot; with its &quot;text&quot;, or of the type &quot;image&quot; with its &quot;path&quot;.</source>
        <translation>Gib einen Teil der Art „text“ mit seinem „text“ oder der Art „image“ mit seinem „path“ an.</translation>
    </message>
    <message>
        <source>Give a role and a text as content.</source>
        <translation>Gib eine Rolle und als Inhalt einen Text an.</translation>
    </message>
    <message>
        <source>Give at least one.</source>
        <translation>Gib mindestens eines an.</translation>
    </message>
    <message>
        <source>Give exactly one of them.</source>
        <translation>Gib genau eines davon an.</translation>
    </message>
    <message>
        <source>Go on with it by -r, or choose another work folder with -w.</source>
        <translation>Setze sie mit -r fort oder wähle mit -w einen anderen Arbeitsordner.</translation>
    </message>
    <message>
        <source>Go on with the same options, or choose another work folder with -w.</source>
        <translation>Setze mit denselben Optionen fort oder wähle mit -w einen anderen Arbeitsordner.</translation>
    </message>
    <message>
        <source>Heads have {0} values; the card&apos;s kernel takes multiples of 4 up to {1}.</source>
        <translation>Die Köpfe haben {0} Werte; der Kernel der Karte nimmt Vielfache von 4 bis {1}.</translation>
    </message>
    <message>
        <source>How this model wants its images is not known here.</source>
        <translation>Es ist hier nicht bekannt, wie dieses Modell seine Bilder haben will.</translation>
    </message>
    <message>
        <source>If the repository is private, enter a token that may read it; else choose the model anew.</source>
        <translation>Ist das Repository privat, gib ein Token ein, das es lesen darf; sonst wähle das Modell neu.</translation>
    </message>
    <message>
        <source>Images cannot be seen on {0} yet.</source>
        <translation>Auf {0} können noch keine Bilder gesehen werden.</translation>
    </message>
    <message>
        <source>Import it with the newer version; nothing was imported.</source>
        <translation>Importiere es mit der neueren Version; nichts wurde importiert.</translation>
    </message>
    <message>
        <source>Install Espalier again.</source>
        <translation>Installiere Espalier neu.</translation>
    </message>
    <message>
        <source>Install its driver (580 or newer), or use the device cpu.</source>
        <translation>Installiere ihren Treiber (580 oder neuer), oder benutze das Gerät cpu.</translation>
    </message>
    <message>
        <source>Install libgomp1 (Debian, Ubuntu) or libgomp (Fedora) and start again.</source>
        <translation>Installiere libgomp1 (Debian, Ubuntu) oder libgomp (Fedora) und starte neu.</translation>
    </message>
    <message>
        <source>It is in the format {0}, which Espalier does not read.</source>
        <translation>Es hat das Format {0}, das Espalier nicht liest.</translation>
    </message>
    <message>
        <source>Keep the shards of one model only in the folder.</source>
        <translation>Lass nur die Teildateien eines einzigen Modells in dem Ordner.</translation>
    </message>
    <message>
        <source>Leave out -r, or name its folder with -w.</source>
        <translation>Lass -r weg oder nenne mit -w ihren Ordner.</translation>
    </message>
    <message>
        <source>Leave the folder alone while a download runs, then resume.</source>
        <translation>Lass den Ordner in Ruhe, während ein Download läuft; setze dann fort.</translation>
    </message>
    <message>
        <source>Load a model that sees, or take the image out of the message.</source>
        <translation>Lade ein Modell, das Bilder sieht, oder nimm das Bild aus der Nachricht.</translation>
    </message>
    <message>
        <source>Load a model that sees, or this one on the CPU (device cpu), if it has a vision tower.</source>
        <translation>Lade ein Modell, das Bilder sieht, oder dieses auf dem Prozessor (Gerät cpu), wenn es einen Bildteil hat.</translation>
    </message>
    <message>
        <source>Load a model that sees.</source>
        <translation>Lade ein Modell, das Bilder sieht.</translation>
    </message>
    <message>
        <source>Load a version of the model with its vision tower.</source>
        <translation>Lade eine Fassung des Modells mit seinem Bildteil.</translation>
    </message>
    <message>
        <source>Load it again, then retry.</source>
        <translation>Lade es neu und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Load it again.</source>
        <translation>Lade es neu.</translation>
    </message>
    <message>
        <source>Load the model again once nothing writes to its folder.</source>
        <translation>Lade das Modell noch einmal, sobald nichts mehr in seinen Ordner schreibt.</translation>
    </message>
    <message>
        <source>Load the model on the CPU (device cpu).</source>
        <translation>Lade das Modell auf dem Prozessor (Gerät cpu).</translation>
    </message>
    <message>
        <source>Load the model with a larger cache_tokens.</source>
        <translation>Lade das Modell mit einem größeren Wert von cache_tokens.</translation>
    </message>
    <message>
        <source>Loading {0} stopped with an internal error: {1}: {2}.</source>
        <translation>Das Laden von {0} endete mit einem internen Fehler: {1}: {2}.</translation>
    </message>
    <message>
        <source>Make a new one and enter it again.</source>
        <translation>Erstelle ein neues und gib es ein.</translation>
    </message>
    <message>
        <source>Make room on the disk and try again.</source>
        <translation>Schaffe Platz auf der Platte und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Make room on the disk, or make the folder writable, and start again; nothing was changed.</source>
        <translation>Schaffe Platz auf dem Laufwerk, oder mache den Ordner beschreibbar, und starte neu; nichts wurde geändert.</translation>
    </message>
    <message>
        <source>Make the image smaller and try again.</source>
        <translation>Mache das Bild kleiner und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Mend or remove the file.</source>
        <translation>Bessere die Datei aus oder entferne sie.</translation>
    </message>
    <message>
        <source>Name a longer text file, or a folder of text files.</source>
        <translation>Nenne eine längere Textdatei oder einen Ordner mit Textdateien.</translation>
    </message>
    <message>
        <source>Name a text file or a folder.</source>
        <translation>Nenne eine Textdatei oder einen Ordner.</translation>
    </message>
    <message>
        <source>Name another text file or a folder.</source>
        <translation>Nenne eine andere Textdatei oder einen Ordner.</translation>
    </message>
    <message>
        <source>Name another text with --calibration.</source>
        <translation>Nenne mit --calibration einen anderen Text.</translation>
    </message>
    <message>
        <source>Name other folders with -o and -w, or change its permissions.</source>
        <translation>Nenne mit -o und -w andere Ordner, oder ändere seine Zugriffsrechte.</translation>
    </message>
    <message>
        <source>Name the original model&apos;s folder with -i.</source>
        <translation>Nenne mit -i den Ordner des Originalmodells.</translation>
    </message>
    <message>
        <source>No NVIDIA driver answered ({0}).</source>
        <translation>Kein NVIDIA-Treiber hat geantwortet ({0}).</translation>
    </message>
    <message>
        <source>No memory for the {0} bytes of tensor {1} of {2}.</source>
        <translation>Kein Speicher für die {0} Byte des Tensors {1} aus {2}.</translation>
    </message>
    <message>
        <source>No model is loaded.</source>
        <translation>Kein Modell ist geladen.</translation>
    </message>
    <message>
        <source>No token goes to this server.</source>
        <translation>An diesen Server geht kein Token.</translation>
    </message>
    <message>
        <source>No usable NVIDIA card was found.</source>
        <translation>Keine brauchbare NVIDIA-Karte wurde gefunden.</translation>
    </message>
    <message>
        <source>Nothing can be written to {0}.</source>
        <translation>In {0} kann nichts geschrieben werden.</translation>
    </message>
    <message>
        <source>Nothing was imported.</source>
        <translation>Nichts wurde importiert.</translation>
    </message>
    <message>
        <source>Only downloaded models can be verified.</source>
        <translation>Nur heruntergeladene Modelle können geprüft werden.</translation>
    </message>
    <message>
        <source>Open a model folder, then try again.</source>
        <translation>Öffne einen Modellordner und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Paste an address of {0}, or owner/name.</source>
        <translation>Füge eine Adresse von {0} ein, oder Besitzer/Name.</translation>
    </message>
    <message>
        <source>Paste owner/name or a page&apos;s address.</source>
        <translation>Füge Besitzer/Name oder die Adresse einer Seite ein.</translation>
    </message>
    <message>
        <source>Paste the address of a model&apos;s page.</source>
        <translation>Füge die Adresse der Seite eines Modells ein.</translation>
    </message>
    <message>
        <source>Put the chat_template.jinja of the original model into the model&apos;s folder, or use a raw prompt.</source>
        <translation>Lege chat_template.jinja vom ursprünglichen Modell in den Ordner des Modells, oder benutze einen rohen Prompt.</translation>
    </message>
    <message>
        <source>Put the chat_template.jinja of the original model into the model&apos;s folder.</source>
        <translation>Lege die chat_template.jinja des ursprünglichen Modells in den Ordner des Modells.</translation>
    </message>
    <message>
        <source>Put the image into a message of the user.</source>
        <translation>Setze das Bild in eine Nachricht des Nutzers.</translation>
    </message>
    <message>
        <source>Remove it, or download the file.</source>
        <translation>Entferne ihn, oder lade die Datei herunter.</translation>
    </message>
    <message>
        <source>Run `git lfs pull` in the folder, or download the file itself.</source>
        <translation>Führe in dem Ordner `git lfs pull` aus, oder lade die Datei selbst herunter.</translation>
    </message>
    <message>
        <source>Running requests use the whole cache.</source>
        <translation>Laufende Anfragen brauchen den ganzen Cache.</translation>
    </message>
    <message>
        <source>Save it as PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF and try again.</source>
        <translation>Speichere es als PNG, JPEG, WebP, BMP, GIF, TIFF oder AVIF und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Save it smaller, or as JPEG, and try again.</source>
        <translation>Speichere es kleiner oder als JPEG und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Save the image to a file, then add the file.</source>
        <translation>Speichere das Bild in einer Datei und füge dann die Datei hinzu.</translation>
    </message>
    <message>
        <source>Send the message again.</source>
        <translation>Sende die Nachricht noch einmal.</translation>
    </message>
    <message>
        <source>Shorten it, or load the model with a larger context.</source>
        <translation>Kürze sie, oder lade das Modell mit einem größeren Kontext.</translation>
    </message>
    <message>
        <source>Start a new chat, shorten the conversation, or load the model with a larger context.</source>
        <translation>Beginne einen neuen Chat, kürze das Gespräch, oder lade das Modell mit einem größeren Kontext.</translation>
    </message>
    <message>
        <source>Start a new conversation, or edit this one so that your turns and the model&apos;s alternate.</source>
        <translation>Beginne ein neues Gespräch, oder bearbeite dieses so, dass deine Nachrichten und die des Modells sich abwechseln.</translation>
    </message>
    <message>
        <source>Start the newer version, or move the file away to begin with an empty list.</source>
        <translation>Starte die neuere Version, oder verschiebe die Datei, um mit einer leeren Liste zu beginnen.</translation>
    </message>
    <message>
        <source>Start with packaging/run.sh (or run.bat), which installs it, or use the device cpu.</source>
        <translation>Starte mit packaging/run.sh (oder run.bat), das es installiert, oder benutze das Gerät cpu.</translation>
    </message>
    <message>
        <source>Supported are default, linear, llama3 and yarn; choose another model.</source>
        <translation>Unterstützt werden default, linear, llama3 und yarn; wähle ein anderes Modell.</translation>
    </message>
    <message>
        <source>Take the text “{0}” out of the messages, or choose a chat template that shows images.</source>
        <translation>Nimm den Text „{0}“ aus den Nachrichten, oder wähle eine Chat-Vorlage, die Bilder zeigt.</translation>
    </message>
    <message>
        <source>The NVIDIA driver did not list its cards ({0}).</source>
        <translation>Der NVIDIA-Treiber hat seine Karten nicht aufgeführt ({0}).</translation>
    </message>
    <message>
        <source>The NVIDIA driver is installed but counts no card.</source>
        <translation>Der NVIDIA-Treiber ist installiert, zählt aber keine Karte.</translation>
    </message>
    <message>
        <source>The OpenMP runtime that the CPU kernels need is missing ({0}).</source>
        <translation>Die OpenMP-Bibliothek, die die Kernel des Prozessors brauchen, fehlt ({0}).</translation>
    </message>
    <message>
        <source>The address of the hub is {0}.</source>
        <translation>Die Adresse des Hubs ist {0}.</translation>
    </message>
    <message>
        <source>The address of the hub, {0}, is none that can be used.</source>
        <translation>Die Adresse des Hubs, {0}, ist nicht benutzbar.</translation>
    </message>
    <message>
        <source>The architecture {0} is not supported.</source>
        <translation>Die Architektur {0} wird nicht unterstützt.</translation>
    </message>
    <message>
        <source>The calibration text has no tokens.</source>
        <translation>Der Kalibriertext hat keine Token.</translation>
    </message>
    <message>
        <source>The calibration text {0} cannot be read as UTF-8 text.</source>
        <translation>Der Kalibriertext {0} lässt sich nicht als UTF-8-Text lesen.</translation>
    </message>
    <message>
        <source>The calibration text {0} does not exist.</source>
        <translation>Den Kalibriertext {0} gibt es nicht.</translation>
    </message>
    <message>
        <source>The card&apos;s memory ran out.</source>
        <translation>Der Speicher der Karte ist voll.</translation>
    </message>
    <message>
        <source>The chat template in {0} cannot be used: {1}</source>
        <translation>Die Chat-Vorlage in {0} kann nicht benutzt werden: {1}</translation>
    </message>
    <message>
        <source>The chat template in {0} does not take a system message: {1}</source>
        <translation>Die Chat-Vorlage in {0} nimmt keinen System-Prompt an: {1}</translation>
    </message>
    <message>
        <source>The chat template in {0} is broken at line {1}: {2}.</source>
        <translation>Die Chat-Vorlage in {0} ist in Zeile {1} fehlerhaft: {2}.</translation>
    </message>
    <message>
        <source>The chat template in {0} refuses this conversation: {1}</source>
        <translation>Die Chat-Vorlage in {0} lehnt dieses Gespräch ab: {1}</translation>
    </message>
    <message>
        <source>The conversation has {0} tokens and the context holds {1}.</source>
        <translation>Das Gespräch hat {0} Token, und der Kontext fasst {1}.</translation>
    </message>
    <message>
        <source>The conversation has {0} tokens, {1} of them for images, and the context holds {2}.</source>
        <translation>Das Gespräch hat {0} Token, {1} davon für Bilder, und der Kontext fasst {2}.</translation>
    </message>
    <message>
        <source>The conversion in {0} was begun with {1} = {2}, not {3}.</source>
        <translation>Die Umwandlung in {0} wurde mit {1} = {2} begonnen, nicht mit {3}.</translation>
    </message>
    <message>
        <source>The conversion writes {0} GB to the disk of {1}, which has {2} GB free.</source>
        <translation>Die Umwandlung schreibt {0} GB auf das Laufwerk von {1}, auf dem {2} GB frei sind.</translation>
    </message>
    <message>
        <source>The drive is full: {0} cannot be written.</source>
        <translation>Das Laufwerk ist voll: {0} kann nicht geschrieben werden.</translation>
    </message>
    <message>
        <source>The driver {0} of the {1} is too old: {2} or newer is needed. Install NVIDIA&apos;s current driver, then start Espalier again.</source>
        <translation>Der Treiber {0} der {1} ist zu alt: {2} oder neuer wird gebraucht. Installiere den aktuellen Treiber von NVIDIA und starte Espalier neu.</translation>
    </message>
    <message>
        <source>The engine hit an internal error and dropped the model.</source>
        <translation>In der Engine trat ein interner Fehler auf, und sie hat das Modell entladen.</translation>
    </message>
    <message>
        <source>The environment variable CUDA_VISIBLE_DEVICES hides the {0} from this program. Start Espalier without it, or use the CPU instead.</source>
        <translation>Die Umgebungsvariable CUDA_VISIBLE_DEVICES verbirgt die {0} vor diesem Programm. Starte Espalier ohne sie, oder benutze stattdessen den Prozessor.</translation>
    </message>
    <message>
        <source>The file is damaged or incomplete; download it again.</source>
        <translation>Die Datei ist beschädigt oder unvollständig; lade sie neu herunter.</translation>
    </message>
    <message>
        <source>The file {0} has a size of {1} bytes.</source>
        <translation>Die Datei {0} hat eine Größe von {1} Byte.</translation>
    </message>
    <message>
        <source>The files belong to different versions of the model; download it again.</source>
        <translation>Die Dateien gehören zu verschiedenen Fassungen des Modells; lade es neu herunter.</translation>
    </message>
    <message>
        <source>The folder {0} cannot be read: {1}.</source>
        <translation>Der Ordner {0} kann nicht gelesen werden: {1}.</translation>
    </message>
    <message>
        <source>The hub does not accept the token for {0} (answer 401).</source>
        <translation>Der Hub nimmt das Token für {0} nicht an (Antwort 401).</translation>
    </message>
    <message>
        <source>The image is {0} x {1} pixels; this model reads none with one side more than {2} times the other.</source>
        <translation>Das Bild hat {0} x {1} Bildpunkte; dieses Modell liest keines, dessen eine Seite mehr als {2}-mal so lang wie die andere ist.</translation>
    </message>
    <message>
        <source>The last message with the system prompt has {0} tokens and the context holds {1}, so leaving out older turns does not help.</source>
        <translation>Die letzte Nachricht hat mit dem System-Prompt {0} Token, und der Kontext fasst {1}; ältere Runden wegzulassen hilft daher nicht.</translation>
    </message>
    <message>
        <source>The memory ran out while the model was loading: The model needs {0} GB ({1} GB of weights, {2} GB of cache, {3} GB to work with), had taken {4} GB, and {5} GB were free: at least {6} GB are missing.</source>
        <translation>Beim Laden des Modells ging der Speicher aus: Es braucht {0} GB ({1} GB Gewichte, {2} GB Cache, {3} GB zum Arbeiten), hatte {4} GB belegt, und {5} GB waren frei: mindestens {6} GB fehlen.</translation>
    </message>
    <message>
        <source>The mirror {0} does not give out {1} (answer {2}).</source>
        <translation>Der Spiegel {0} gibt {1} nicht heraus (Antwort {2}).</translation>
    </message>
    <message>
        <source>The model computed something that is not a number where a token&apos;s score should be.</source>
        <translation>Das Modell hat etwas berechnet, das keine Zahl ist, wo die Bewertung eines Tokens stehen sollte.</translation>
    </message>
    <message>
        <source>The model computed {0} where a token&apos;s score should be.</source>
        <translation>Das Modell hat {0} berechnet, wo die Bewertung eines Tokens stehen sollte.</translation>
    </message>
    <message>
        <source>The model folder {0} does not exist.</source>
        <translation>Den Modellordner {0} gibt es nicht.</translation>
    </message>
    <message>
        <source>The model folder {0} is a file.</source>
        <translation>Der Modellordner {0} ist eine Datei.</translation>
    </message>
    <message>
        <source>The model gave every token a probability of zero.</source>
        <translation>Das Modell hat jedem Token die Wahrscheinlichkeit null gegeben.</translation>
    </message>
    <message>
        <source>The model has no chat template, so it does not say how it shows images.</source>
        <translation>Das Modell hat keine Chat-Vorlage und sagt deshalb nicht, wie es Bilder zeigt.</translation>
    </message>
    <message>
        <source>The model needs {0} GB ({1} GB of weights, {2} GB of cache, {3} GB to work with) and {4} GB are free: {5} GB are missing.</source>
        <translation>Das Modell braucht {0} GB ({1} GB Gewichte, {2} GB Cache, {3} GB zum Arbeiten), und {4} GB sind frei: {5} GB fehlen.</translation>
    </message>
    <message>
        <source>The model was converted wrongly or is damaged; download it again or choose another conversion.</source>
        <translation>Das Modell wurde falsch umgewandelt oder ist beschädigt; lade es neu herunter, oder wähle eine andere Umwandlung.</translation>
    </message>
    <message>
        <source>The model&apos;s chat template shows no images.</source>
        <translation>Die Chat-Vorlage des Modells zeigt keine Bilder.</translation>
    </message>
    <message>
        <source>The model&apos;s tokenizer has no token “{0}” for images.</source>
        <translation>Der Tokenizer des Modells hat kein Token „{0}“ für Bilder.</translation>
    </message>
    <message>
        <source>The package nvidia-ml-py is not installed, so NVIDIA cards cannot be looked for.</source>
        <translation>Das Paket nvidia-ml-py ist nicht installiert, daher kann nicht nach NVIDIA-Karten gesucht werden.</translation>
    </message>
    <message>
        <source>The pictures of the chat cannot be written: {0}.</source>
        <translation>Die Bilder des Chats können nicht geschrieben werden: {0}.</translation>
    </message>
    <message>
        <source>The prompt has “{0}” {1} times where its images need {2}.</source>
        <translation>Der Prompt hat „{0}“ {1}-mal, wo seine Bilder {2} brauchen.</translation>
    </message>
    <message>
        <source>The prompt is empty.</source>
        <translation>Der Prompt ist leer.</translation>
    </message>
    <message>
        <source>The proxy {0}://{1} is of a kind that downloads cannot use.</source>
        <translation>Der Proxy {0}://{1} ist von einer Art, die Downloads nicht benutzen können.</translation>
    </message>
    <message>
        <source>The proxy, {0}, is none that can be used.</source>
        <translation>Der Proxy, {0}, ist nicht benutzbar.</translation>
    </message>
    <message>
        <source>The reply was cut off when the model was unloaded.</source>
        <translation>Die Antwort wurde abgebrochen, als das Modell entladen wurde.</translation>
    </message>
    <message>
        <source>The repository has a file called “{0}”, which cannot be stored safely.</source>
        <translation>Das Repository hat eine Datei namens „{0}“, die nicht sicher gespeichert werden kann.</translation>
    </message>
    <message>
        <source>The tensor {0} is both in {1} and in {2}.</source>
        <translation>Der Tensor {0} steht sowohl in {1} als auch in {2}.</translation>
    </message>
    <message>
        <source>The token does not open {0}.</source>
        <translation>Das Token öffnet {0} nicht.</translation>
    </message>
    <message>
        <source>The token id {0} is outside the model&apos;s vocabulary of {1}.</source>
        <translation>Die Token-Nummer {0} liegt außerhalb des Vokabulars des Modells mit {1} Einträgen.</translation>
    </message>
    <message>
        <source>The token may not read {0} (answer 403).</source>
        <translation>Das Token darf {0} nicht lesen (Antwort 403).</translation>
    </message>
    <message>
        <source>The tokenizer&apos;s files may belong to another model; download the model again.</source>
        <translation>Vielleicht gehören die Dateien des Tokenizers zu einem anderen Modell; lade das Modell neu herunter.</translation>
    </message>
    <message>
        <source>The vision tower has weights beyond the range of fp16.</source>
        <translation>Der Bildteil hat Gewichte außerhalb des Bereichs von fp16.</translation>
    </message>
    <message>
        <source>The {0} has compute capability {1}.{2}, and the kernels need {3}.{4} or newer (RTX 30 series and later). Use the CPU instead.</source>
        <translation>Die {0} hat die Compute Capability {1}.{2}, und die Kernel brauchen {3}.{4} oder neuer (ab der RTX-30-Reihe). Benutze stattdessen den Prozessor.</translation>
    </message>
    <message>
        <source>There are no tokens.</source>
        <translation>Es gibt keine Token.</translation>
    </message>
    <message>
        <source>There are {0} tokens and the context holds {1}.</source>
        <translation>Es sind {0} Token, und der Kontext fasst {1}.</translation>
    </message>
    <message>
        <source>There is no cache with keys of {0} and values of {1} bits.</source>
        <translation>Es gibt keinen Cache mit Schlüsseln von {0} und Werten von {1} Bit.</translation>
    </message>
    <message>
        <source>There is no card {0}.</source>
        <translation>Es gibt keine Karte {0}.</translation>
    </message>
    <message>
        <source>There is no device called {0}.</source>
        <translation>Es gibt kein Gerät namens {0}.</translation>
    </message>
    <message>
        <source>There is no model at {0}.</source>
        <translation>In {0} ist kein Modell.</translation>
    </message>
    <message>
        <source>There is not enough memory on the card to look at an image of {0} tokens.</source>
        <translation>Der Speicher der Karte reicht nicht, um ein Bild von {0} Token anzusehen.</translation>
    </message>
    <message>
        <source>There is not enough memory on the card to read a prompt with images.</source>
        <translation>Der Speicher der Karte reicht nicht, um einen Prompt mit Bildern zu lesen.</translation>
    </message>
    <message>
        <source>There is not enough memory to open {0}.</source>
        <translation>Der Speicher reicht nicht, um {0} zu öffnen.</translation>
    </message>
    <message>
        <source>There is not enough memory to show the image.</source>
        <translation>Es ist nicht genug Speicher frei, um das Bild zu zeigen.</translation>
    </message>
    <message>
        <source>This image is no longer in the folder of attachments.</source>
        <translation>Dieses Bild liegt nicht mehr im Ordner der Anhänge.</translation>
    </message>
    <message>
        <source>This is not a token.</source>
        <translation>Das ist kein Token.</translation>
    </message>
    <message>
        <source>This model reads text only: it has no vision tower.</source>
        <translation>Dieses Modell liest nur Text: Es hat keinen Bildteil.</translation>
    </message>
    <message>
        <source>This model&apos;s files hold no vision tower: it was left out when they were made.</source>
        <translation>Die Dateien dieses Modells enthalten keinen Bildteil: Er wurde beim Erstellen weggelassen.</translation>
    </message>
    <message>
        <source>This model&apos;s vision tower is of a family that is not known here.</source>
        <translation>Der Bildteil dieses Modells ist von einer Familie, die hier nicht bekannt ist.</translation>
    </message>
    <message>
        <source>This system offers no keyring, so the token lies unencrypted in {0}. Programs that you start can read it there.</source>
        <translation>Dieses System bietet keinen Schlüsselbund, daher liegt das Token unverschlüsselt in {0}. Programme, die du startest, können es dort lesen.</translation>
    </message>
    <message>
        <source>Tokens are never sent to a mirror. Enter the hub&apos;s own address in the settings, or say there that the server is yours, then resume.</source>
        <translation>Token werden nie an einen Spiegel gesendet. Gib in den Einstellungen die Adresse des Hubs selbst ein, oder sage dort, dass der Server deiner ist; setze dann fort.</translation>
    </message>
    <message>
        <source>Try again later, or check the address of the hub.</source>
        <translation>Versuche es später noch einmal, oder prüfe die Adresse des Hubs.</translation>
    </message>
    <message>
        <source>Try again later, or with another address of the hub in the settings; the other files are kept.</source>
        <translation>Versuche es später noch einmal, oder mit einer anderen Adresse des Hubs in den Einstellungen; die übrigen Dateien bleiben.</translation>
    </message>
    <message>
        <source>Try again later.</source>
        <translation>Versuche es später noch einmal.</translation>
    </message>
    <message>
        <source>Try another model; the crash report says more.</source>
        <translation>Versuche ein anderes Modell; der Absturzbericht sagt mehr.</translation>
    </message>
    <message>
        <source>Try it again.</source>
        <translation>Versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Unload a model that lies on it or close other programs, or use the processor (--device cpu).</source>
        <translation>Entlade ein Modell, das dort liegt, oder schließe andere Programme, oder nimm den Prozessor (--device cpu).</translation>
    </message>
    <message>
        <source>Use 2 to 8 bits for both, each its own, or 16 bits for both.</source>
        <translation>Nimm für beide 2 bis 8 Bit, jeweils eigene, oder für beide 16 Bit.</translation>
    </message>
    <message>
        <source>Use a context of {0} tokens instead of {1}, or close other programs.</source>
        <translation>Nimm einen Kontext von {0} Token statt {1}, oder schließe andere Programme.</translation>
    </message>
    <message>
        <source>Use a context of {0} tokens instead of {1}, use a cache of {2} bits, or close other programs.</source>
        <translation>Nimm einen Kontext von {0} Token statt {1}, nimm einen Cache mit {2} Bit, oder schließe andere Programme.</translation>
    </message>
    <message>
        <source>Use a token that may read it.</source>
        <translation>Benutze ein Token, das es lesen darf.</translation>
    </message>
    <message>
        <source>Use auto, cpu or cuda:0.</source>
        <translation>Benutze auto, cpu oder cuda:0.</translation>
    </message>
    <message>
        <source>Use smaller or fewer images, or load the model with a larger context.</source>
        <translation>Nimm kleinere oder weniger Bilder, oder lade das Modell mit einem größeren Kontext.</translation>
    </message>
    <message>
        <source>Use the branch&apos;s name on the hub.</source>
        <translation>Benutze den Namen des Zweigs auf dem Hub.</translation>
    </message>
    <message>
        <source>Use the device cpu.</source>
        <translation>Benutze das Gerät cpu.</translation>
    </message>
    <message>
        <source>Use the hub&apos;s own address, or, if the server is yours, say so in the settings.</source>
        <translation>Benutze die Adresse des Hubs selbst, oder sage in den Einstellungen, dass der Server deiner ist.</translation>
    </message>
    <message>
        <source>Wait for them to finish.</source>
        <translation>Warte, bis sie fertig sind.</translation>
    </message>
    <message>
        <source>Wait until it is finished, or end the other program, then resume.</source>
        <translation>Warte, bis er fertig ist, oder beende das andere Programm; setze dann fort.</translation>
    </message>
    <message>
        <source>Wait, or add a token in the settings: with one the hub allows more.</source>
        <translation>Warte, oder gib in den Einstellungen ein Token ein: Mit einem erlaubt der Hub mehr.</translation>
    </message>
    <message>
        <source>Wait, then try again.</source>
        <translation>Warte und versuche es dann noch einmal.</translation>
    </message>
    <message>
        <source>Wait.</source>
        <translation>Warte.</translation>
    </message>
    <message>
        <source>Write it as owner/name.</source>
        <translation>Schreibe es als Besitzer/Name.</translation>
    </message>
    <message>
        <source>Write it as {0}://host or {1}://host.</source>
        <translation>Schreibe sie als {0}://host oder {1}://host.</translation>
    </message>
    <message>
        <source>Write it without anything after it.</source>
        <translation>Schreibe sie ohne etwas dahinter.</translation>
    </message>
    <message>
        <source>Write something first.</source>
        <translation>Schreibe zuerst etwas.</translation>
    </message>
    <message>
        <source>Your conversations are untouched; start the version that wrote them, or report this message.</source>
        <translation>Deine Gespräche sind unberührt; starte die Version, die sie geschrieben hat, oder melde diesen Text.</translation>
    </message>
    <message>
        <source>cache_tokens is {0}.</source>
        <translation>cache_tokens ist {0}.</translation>
    </message>
    <message>
        <source>config.json and the weights belong to different models, or a file is damaged; download the model again.</source>
        <translation>config.json und die Gewichte gehören zu verschiedenen Modellen, oder eine Datei ist beschädigt; lade das Modell neu herunter.</translation>
    </message>
    <message>
        <source>config.json and the weights belong to different models; download the model again.</source>
        <translation>config.json und die Gewichte gehören zu verschiedenen Modellen; lade das Modell noch einmal herunter.</translation>
    </message>
    <message>
        <source>image_pixels is {0}.</source>
        <translation>image_pixels ist {0}.</translation>
    </message>
    <message>
        <source>nothing came for {0} s, connecting anew in {1} s</source>
        <translation>seit {0} s kam nichts, neue Verbindung in {1} s</translation>
    </message>
    <message>
        <source>numba-cuda, which compiles the kernels for the card, is not installed.</source>
        <translation>numba-cuda, das die Kernel für die Karte übersetzt, ist nicht installiert.</translation>
    </message>
    <message>
        <source>only the weights are counted: {0}</source>
        <translation>nur die Gewichte sind gezählt: {0}</translation>
    </message>
    <message>
        <source>stalled, retrying in {0} s: {1}</source>
        <translation>steht still, neuer Versuch in {0} s: {1}</translation>
    </message>
    <message>
        <source>the address at {0} has expired (answer {1})</source>
        <translation>die Adresse bei {0} ist abgelaufen (Antwort {1})</translation>
    </message>
    <message>
        <source>the address of {0} was not found</source>
        <translation>die Adresse von {0} wurde nicht gefunden</translation>
    </message>
    <message>
        <source>the certificate of {0} is not trusted ({1})</source>
        <translation>dem Zertifikat von {0} wird nicht vertraut ({1})</translation>
    </message>
    <message>
        <source>the connection for {0} ended early</source>
        <translation>die Verbindung für {0} endete zu früh</translation>
    </message>
    <message>
        <source>the connection only drips</source>
        <translation>die Verbindung tröpfelt nur</translation>
    </message>
    <message>
        <source>the connection to {0} broke ({1})</source>
        <translation>die Verbindung zu {0} ist abgebrochen ({1})</translation>
    </message>
    <message>
        <source>the server does not have the asked part of {0}</source>
        <translation>der Server hat den verlangten Teil von {0} nicht</translation>
    </message>
    <message>
        <source>the server offers {0} bytes of {1} instead of {2}</source>
        <translation>der Server bietet {0} Byte von {1} statt {2}</translation>
    </message>
    <message>
        <source>the server sends all of {0} instead of the rest</source>
        <translation>der Server sendet {0} ganz statt nur den Rest</translation>
    </message>
    <message>
        <source>tokenizer.json cannot encode this text: {0}.</source>
        <translation>tokenizer.json kann diesen Text nicht kodieren: {0}.</translation>
    </message>
    <message>
        <source>{0} answered for {1} instead of {2}.</source>
        <translation>{0} hat für {1} statt für {2} geantwortet.</translation>
    </message>
    <message>
        <source>{0} answered to a request for a part of {1} with all of it.</source>
        <translation>{0} hat statt des verlangten Teils von {1} alles gesendet.</translation>
    </message>
    <message>
        <source>{0} answered with something that makes no sense: {1}: {2}.</source>
        <translation>{0} hat mit etwas geantwortet, das keinen Sinn ergibt: {1}: {2}.</translation>
    </message>
    <message>
        <source>{0} answered with {1}: {2}.</source>
        <translation>{0} hat mit {1} geantwortet: {2}.</translation>
    </message>
    <message>
        <source>{0} answered {1} with status {2}.</source>
        <translation>{0} hat {1} mit Status {2} beantwortet.</translation>
    </message>
    <message>
        <source>{0} answers {1}</source>
        <translation>{0} antwortet {1}</translation>
    </message>
    <message>
        <source>{0} answers {1} to the request for {2} of {3}.</source>
        <translation>{0} antwortet {1} auf die Anfrage nach {2} von {3}.</translation>
    </message>
    <message>
        <source>{0} asks to wait</source>
        <translation>{0} bittet zu warten</translation>
    </message>
    <message>
        <source>{0} bits per weight is outside {1} to {2}.</source>
        <translation>{0} Bit je Gewicht liegen außerhalb von {1} bis {2}.</translation>
    </message>
    <message>
        <source>{0} calibration {1} are too few.</source>
        <translation>{0} {1} zur Kalibrierung sind zu wenige.</translation>
    </message>
    <message>
        <source>{0} came out different from {1}.</source>
        <translation>{0} unterscheidet sich von {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be converted yet.</source>
        <translation>{0} kann noch nicht konvertiert werden.</translation>
    </message>
    <message>
        <source>{0} cannot be deleted: {1}.</source>
        <translation>{0} kann nicht gelöscht werden: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be kept with the chat: {1}.</source>
        <translation>{0} kann nicht beim Chat aufbewahrt werden: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be moved to {1}.</source>
        <translation>{0} kann nicht nach {1} verschoben werden.</translation>
    </message>
    <message>
        <source>{0} cannot be reached through the proxy {1}: {2}.</source>
        <translation>{0} ist durch den Proxy {1} nicht zu erreichen: {2}.</translation>
    </message>
    <message>
        <source>{0} cannot be reached: {1}.</source>
        <translation>{0} ist nicht zu erreichen: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be read: {1}.</source>
        <translation>{0} kann nicht gelesen werden: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be read: {1}: {2}.</source>
        <translation>{0} kann nicht gelesen werden: {1}: {2}.</translation>
    </message>
    <message>
        <source>{0} cannot be removed: {1}.</source>
        <translation>{0} kann nicht entfernt werden: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be written or read: {1}.</source>
        <translation>{0} kann nicht geschrieben oder gelesen werden: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot be written: {1}.</source>
        <translation>{0} kann nicht geschrieben werden: {1}.</translation>
    </message>
    <message>
        <source>{0} cannot run {1} yet; it lacks {2}.</source>
        <translation>{0} kann {1} noch nicht ausführen; es fehlt: {2}.</translation>
    </message>
    <message>
        <source>{0} cannot see images on {1}.</source>
        <translation>{0} kann auf {1} keine Bilder sehen.</translation>
    </message>
    <message>
        <source>{0} claims a header of {1} bytes but is only {2} bytes long.</source>
        <translation>{0} nennt einen Kopf von {1} Byte, ist aber nur {2} Byte lang.</translation>
    </message>
    <message>
        <source>{0} claims a header of {1} bytes; at most {2} are allowed.</source>
        <translation>{0} nennt einen Kopf von {1} Byte; höchstens {2} sind erlaubt.</translation>
    </message>
    <message>
        <source>{0} claims to have more pixels than can be opened.</source>
        <translation>{0} soll mehr Bildpunkte haben, als geöffnet werden können.</translation>
    </message>
    <message>
        <source>{0} could not be brought from schema {1} to {2}: {3}.</source>
        <translation>{0} konnte nicht von Schema {1} auf {2} gebracht werden: {3}.</translation>
    </message>
    <message>
        <source>{0} could not be copied before its update: {1}.</source>
        <translation>{0} konnte vor der Aktualisierung nicht kopiert werden: {1}.</translation>
    </message>
    <message>
        <source>{0} does not accept the token.</source>
        <translation>{0} nimmt das Token nicht an.</translation>
    </message>
    <message>
        <source>{0} does not answer</source>
        <translation>{0} antwortet nicht</translation>
    </message>
    <message>
        <source>{0} does not give {1} to strangers, and the token is not sent to a mirror.</source>
        <translation>{0} gibt {1} nicht an Fremde, und an einen Spiegel wird das Token nicht gesendet.</translation>
    </message>
    <message>
        <source>{0} does not have {1} of {2} at the commit {3}, or hides it.</source>
        <translation>{0} hat {1} von {2} beim Commit {3} nicht, oder verbirgt es.</translation>
    </message>
    <message>
        <source>{0} does not run on a card yet.</source>
        <translation>{0} läuft noch nicht auf einer Karte.</translation>
    </message>
    <message>
        <source>{0} ends after {1} of the {2} bytes of tensor {3}.</source>
        <translation>{0} endet nach {1} der {2} Byte des Tensors {3}.</translation>
    </message>
    <message>
        <source>{0} ends inside its header, after {1} of {2} bytes.</source>
        <translation>{0} endet mitten im Kopf, nach {1} von {2} Byte.</translation>
    </message>
    <message>
        <source>{0} failed with status {1} for {2}.</source>
        <translation>{0} ist bei {2} mit Status {1} gescheitert.</translation>
    </message>
    <message>
        <source>{0} has a file {1}, whose name clashes with another one&apos;s.</source>
        <translation>{0} hat eine Datei {1}, deren Name mit einem anderen zusammenfällt.</translation>
    </message>
    <message>
        <source>{0} has a header of {1} bytes.</source>
        <translation>{0} hat einen Kopf von {1} Byte.</translation>
    </message>
    <message>
        <source>{0} has a header that is a {1}, not a JSON object.</source>
        <translation>{0} hat einen Kopf, der {1} ist und kein JSON-Objekt.</translation>
    </message>
    <message>
        <source>{0} has changed at the server</source>
        <translation>{0} hat sich auf dem Server geändert</translation>
    </message>
    <message>
        <source>{0} has changed since the message was sent.</source>
        <translation>{0} hat sich geändert, seit die Nachricht gesendet wurde.</translation>
    </message>
    <message>
        <source>{0} has compute capability {1}.{2}; the kernels need 8.0 or newer (RTX 30 series and later).</source>
        <translation>{0} hat die Compute Capability {1}.{2}; die Kernel brauchen 8.0 oder neuer (ab der RTX-30-Reihe).</translation>
    </message>
    <message>
        <source>{0} has neither a token that begins a text nor a chat template: it cannot write text to calibrate with.</source>
        <translation>{0} hat weder ein Token, das einen Text beginnt, noch eine Chat-Vorlage: Es kann keinen Text zum Kalibrieren schreiben.</translation>
    </message>
    <message>
        <source>{0} has no *.safetensors weights: found none among its {1} files.</source>
        <translation>{0} hat keine Gewichte *.safetensors: keine unter seinen {1} Dateien.</translation>
    </message>
    <message>
        <source>{0} has no *.safetensors weights: found nothing at all.</source>
        <translation>{0} hat keine Gewichte *.safetensors: Der Ordner ist leer.</translation>
    </message>
    <message>
        <source>{0} has no *.safetensors weights: found only {1} and more.</source>
        <translation>{0} hat keine Gewichte *.safetensors: gefunden wurden nur {1} und weitere.</translation>
    </message>
    <message>
        <source>{0} has no *.safetensors weights: found only {1}.</source>
        <translation>{0} hat keine Gewichte *.safetensors: gefunden wurde nur {1}.</translation>
    </message>
    <message>
        <source>{0} has no chat template, so it does not say how a conversation is written.</source>
        <translation>{0} hat keine Chat-Vorlage und sagt daher nicht, wie ein Gespräch geschrieben wird.</translation>
    </message>
    <message>
        <source>{0} has no files of a model on the branch {1}.</source>
        <translation>{0} hat auf dem Zweig {1} keine Dateien eines Modells.</translation>
    </message>
    <message>
        <source>{0} has no tensor {1}, which config.json asks for.</source>
        <translation>{0} hat keinen Tensor {1}, den config.json verlangt.</translation>
    </message>
    <message>
        <source>{0} has no tensor {1}.</source>
        <translation>{0} hat keinen Tensor {1}.</translation>
    </message>
    <message>
        <source>{0} has no variant {1} any more.</source>
        <translation>{0} hat keine Variante {1} mehr.</translation>
    </message>
    <message>
        <source>{0} has no weights for {1}: expected {2} or {3}, found only {4}.</source>
        <translation>{0} hat keine Gewichte für {1}: erwartet {2} oder {3}, gefunden nur {4}.</translation>
    </message>
    <message>
        <source>{0} has no weights for {1}: expected {2} or {3}.</source>
        <translation>{0} hat keine Gewichte für {1}: erwartet {2} oder {3}.</translation>
    </message>
    <message>
        <source>{0} has no {1}, or it is private.</source>
        <translation>{0} hat {1} nicht, oder es ist privat.</translation>
    </message>
    <message>
        <source>{0} has no {1}.</source>
        <translation>{0} hat kein {1}.</translation>
    </message>
    <message>
        <source>{0} has the tensors {1} and {2} over the same bytes.</source>
        <translation>In {0} liegen die Tensoren {1} und {2} auf denselben Bytes.</translation>
    </message>
    <message>
        <source>{0} has weights beyond the range of fp16.</source>
        <translation>{0} hat Gewichte außerhalb des Bereichs von fp16.</translation>
    </message>
    <message>
        <source>{0} holds a conversion that was begun.</source>
        <translation>{0} enthält eine begonnene Umwandlung.</translation>
    </message>
    <message>
        <source>{0} holds a model already.</source>
        <translation>{0} enthält schon ein Modell.</translation>
    </message>
    <message>
        <source>{0} holds a {1}, not a JSON object.</source>
        <translation>{0} enthält {1} und kein JSON-Objekt.</translation>
    </message>
    <message>
        <source>{0} holds less than {1} characters of text to calibrate with.</source>
        <translation>{0} enthält weniger als {1} Zeichen Text zum Kalibrieren.</translation>
    </message>
    <message>
        <source>{0} holds no conversion to go on with.</source>
        <translation>{0} enthält keine Umwandlung, die sich fortsetzen ließe.</translation>
    </message>
    <message>
        <source>{0} in {1} cannot be read: it is not a JSON object.</source>
        <translation>{0} in {1} kann nicht gelesen werden: Es ist kein JSON-Objekt.</translation>
    </message>
    <message>
        <source>{0} in {1} cannot be read: {2}.</source>
        <translation>{0} in {1} kann nicht gelesen werden: {2}.</translation>
    </message>
    <message>
        <source>{0} in {1} is damaged: {2}.</source>
        <translation>{0} in {1} ist beschädigt: {2}.</translation>
    </message>
    <message>
        <source>{0} in {1} is not UTF-8 text.</source>
        <translation>{0} in {1} ist kein UTF-8-Text.</translation>
    </message>
    <message>
        <source>{0} is a Git LFS pointer, a note of where the weights are and not the weights.</source>
        <translation>{0} ist ein Git-LFS-Verweis: eine Notiz, wo die Gewichte sind, und nicht die Gewichte.</translation>
    </message>
    <message>
        <source>{0} is a file.</source>
        <translation>{0} ist eine Datei.</translation>
    </message>
    <message>
        <source>{0} is a folder, not a safetensors file.</source>
        <translation>{0} ist ein Ordner und keine safetensors-Datei.</translation>
    </message>
    <message>
        <source>{0} is damaged or incomplete: its data make no sense.</source>
        <translation>{0} ist beschädigt oder unvollständig: Die Daten ergeben keinen Sinn.</translation>
    </message>
    <message>
        <source>{0} is damaged or incomplete: {1}.</source>
        <translation>{0} ist beschädigt oder unvollständig: {1}.</translation>
    </message>
    <message>
        <source>{0} is damaged.</source>
        <translation>{0} ist beschädigt.</translation>
    </message>
    <message>
        <source>{0} is empty.</source>
        <translation>{0} ist leer.</translation>
    </message>
    <message>
        <source>{0} is gated: its terms must be accepted first.</source>
        <translation>{0} ist beschränkt: Zuerst müssen seine Bedingungen angenommen werden.</translation>
    </message>
    <message>
        <source>{0} is larger than a preset can be.</source>
        <translation>{0} ist größer, als ein Preset sein kann.</translation>
    </message>
    <message>
        <source>{0} is larger than the drive&apos;s file system allows.</source>
        <translation>{0} ist größer, als das Dateisystem des Laufwerks erlaubt.</translation>
    </message>
    <message>
        <source>{0} is larger than {1} MB.</source>
        <translation>{0} ist größer als {1} MB.</translation>
    </message>
    <message>
        <source>{0} is larger than {1} MiB.</source>
        <translation>{0} ist größer als {1} MiB.</translation>
    </message>
    <message>
        <source>{0} is larger than {1} bytes, too large for such a file.</source>
        <translation>{0} ist größer als {1} Byte, zu groß für so eine Datei.</translation>
    </message>
    <message>
        <source>{0} is nested far too deeply.</source>
        <translation>{0} ist viel zu tief verschachtelt.</translation>
    </message>
    <message>
        <source>{0} is not JSON.</source>
        <translation>{0} ist kein JSON.</translation>
    </message>
    <message>
        <source>{0} is not a chat of Espalier.</source>
        <translation>{0} ist kein Chat von Espalier.</translation>
    </message>
    <message>
        <source>{0} is not a file.</source>
        <translation>{0} ist keine Datei.</translation>
    </message>
    <message>
        <source>{0} is not a list of conversations with role and content.</source>
        <translation>{0} ist keine Liste von Gesprächen mit „role“ und „content“.</translation>
    </message>
    <message>
        <source>{0} is not a message.</source>
        <translation>{0} ist keine Nachricht.</translation>
    </message>
    <message>
        <source>{0} is not a part of a message.</source>
        <translation>{0} ist kein Teil einer Nachricht.</translation>
    </message>
    <message>
        <source>{0} is not a preset of Espalier.</source>
        <translation>{0} ist kein Preset von Espalier.</translation>
    </message>
    <message>
        <source>{0} is not a text file.</source>
        <translation>{0} ist keine Textdatei.</translation>
    </message>
    <message>
        <source>{0} is not an image that can be read here, or it is damaged.</source>
        <translation>{0} ist kein Bild, das hier gelesen werden kann, oder beschädigt.</translation>
    </message>
    <message>
        <source>{0} is not empty.</source>
        <translation>{0} ist nicht leer.</translation>
    </message>
    <message>
        <source>{0} is not open to strangers.</source>
        <translation>{0} ist für Fremde nicht offen.</translation>
    </message>
    <message>
        <source>{0} is not the hub.</source>
        <translation>{0} ist nicht der Hub.</translation>
    </message>
    <message>
        <source>{0} is not the page of a model.</source>
        <translation>{0} ist nicht die Seite eines Modells.</translation>
    </message>
    <message>
        <source>{0} is not valid JSON: {1}.</source>
        <translation>{0} ist kein gültiges JSON: {1}.</translation>
    </message>
    <message>
        <source>{0} is there already.</source>
        <translation>{0} ist schon da.</translation>
    </message>
    <message>
        <source>{0} is unloaded.</source>
        <translation>{0} ist entladen.</translation>
    </message>
    <message>
        <source>{0} is {1} bytes long, too short for a safetensors file.</source>
        <translation>{0} ist {1} Byte lang, zu kurz für eine safetensors-Datei.</translation>
    </message>
    <message>
        <source>{0} is {1} x {2} pixels, more than the {3} million that can be opened.</source>
        <translation>{0} hat {1} x {2} Bildpunkte, mehr als die {3} Millionen, die geöffnet werden können.</translation>
    </message>
    <message>
        <source>{0} is {1}.</source>
        <translation>{0} ist {1}.</translation>
    </message>
    <message>
        <source>{0} lacks {1}, named in {2}, and {3} more files.</source>
        <translation>In {0} fehlen {1}, die {2} nennt, und {3} weitere Dateien.</translation>
    </message>
    <message>
        <source>{0} lacks {1}, named in {2}.</source>
        <translation>In {0} fehlt, was {2} nennt: {1}.</translation>
    </message>
    <message>
        <source>{0} leads in circles</source>
        <translation>{0} führt im Kreis</translation>
    </message>
    <message>
        <source>{0} leads nowhere</source>
        <translation>{0} führt nirgendwohin</translation>
    </message>
    <message>
        <source>{0} leads to an address without encryption</source>
        <translation>{0} führt zu einer Adresse ohne Verschlüsselung</translation>
    </message>
    <message>
        <source>{0} lies in the Hugging Face cache, which other programs use too.</source>
        <translation>{0} liegt im Cache von Hugging Face, den auch andere Programme benutzen.</translation>
    </message>
    <message>
        <source>{0} lies in the source folder.</source>
        <translation>{0} liegt im Quellordner.</translation>
    </message>
    <message>
        <source>{0} needs a token: it is private, or its terms must be accepted (answer {1}).</source>
        <translation>{0} braucht ein Token: Es ist privat, oder seine Bedingungen müssen angenommen werden (Antwort {1}).</translation>
    </message>
    <message>
        <source>{0} needs {1} GB at {2}, and the drive has {3} GB free.</source>
        <translation>{0} braucht {1} GB in {2}, und auf dem Laufwerk sind {3} GB frei.</translation>
    </message>
    <message>
        <source>{0} needs {1} GB more and {2} GB to spare, and the drive of {3} has {4} GB free.</source>
        <translation>{0} braucht noch {1} GB und {2} GB Reserve, und auf dem Laufwerk von {3} sind {4} GB frei.</translation>
    </message>
    <message>
        <source>{0} of {1} came with wrong content {2} times.</source>
        <translation>{0} von {1} kam {2}-mal mit falschem Inhalt.</translation>
    </message>
    <message>
        <source>{0} of {1} holds no JSON object.</source>
        <translation>{0} von {1} enthält kein JSON-Objekt.</translation>
    </message>
    <message>
        <source>{0} of {1} is not valid JSON: {2}.</source>
        <translation>{0} von {1} ist kein gültiges JSON: {2}.</translation>
    </message>
    <message>
        <source>{0} refuses the connection</source>
        <translation>{0} lehnt die Verbindung ab</translation>
    </message>
    <message>
        <source>{0} sent an answer larger than {1} bytes.</source>
        <translation>{0} hat eine Antwort gesendet, die größer ist als {1} Byte.</translation>
    </message>
    <message>
        <source>{0} wants a pause of another {1} s.</source>
        <translation>{0} verlangt noch {1} s Pause.</translation>
    </message>
    <message>
        <source>{0} was asked too often and wants a pause of {1} s.</source>
        <translation>{0} wurde zu oft gefragt und verlangt {1} s Pause.</translation>
    </message>
    <message>
        <source>{0} was changed while the model was being read.</source>
        <translation>{0} wurde geändert, während das Modell gelesen wurde.</translation>
    </message>
    <message>
        <source>{0} was exported by a newer version of Espalier (format {1}).</source>
        <translation>{0} wurde von einer neueren Version von Espalier exportiert (Format {1}).</translation>
    </message>
    <message>
        <source>{0} was not downloaded by this program.</source>
        <translation>{0} wurde nicht von diesem Programm heruntergeladen.</translation>
    </message>
    <message>
        <source>{0} was written by a newer version of Espalier (schema {1}).</source>
        <translation>{0} wurde von einer neueren Version von Espalier geschrieben (Schema {1}).</translation>
    </message>
    <message>
        <source>{0}: hidden_act “{1}” is not supported for {2}.</source>
        <translation>{0}: hidden_act „{1}“ wird für {2} nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: hidden_activation “{1}” is not supported for {2}.</source>
        <translation>{0}: hidden_activation „{1}“ wird für {2} nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: message {1} shows a child that it does not have.</source>
        <translation>{0}: Nachricht {1} zeigt auf eine Antwort, die sie nicht hat.</translation>
    </message>
    <message>
        <source>{0}: no shard has the tensor {1}, which {2} puts in {3}.</source>
        <translation>{0}: Keine Teildatei hat den Tensor {1}, der nach {2} in {3} steht.</translation>
    </message>
    <message>
        <source>{0}: projector_hidden_act “{1}” is not supported.</source>
        <translation>{0}: projector_hidden_act „{1}“ wird nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} belongs to no released version of EXL3.</source>
        <translation>{0}: Der Tensor {1} gehört zu keiner veröffentlichten Version von EXL3.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} ends at byte {2} before it begins at byte {3}.</source>
        <translation>{0}: Der Tensor {1} endet bei Byte {2}, bevor er bei Byte {3} beginnt.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} ends at byte {2} of a data section of only {3} bytes.</source>
        <translation>{0}: Der Tensor {1} endet bei Byte {2} in Daten von nur {3} Byte.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has a name that is not text.</source>
        <translation>{0}: Der Tensor {1} hat einen Namen, der kein Text ist.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has dtype {2}, expected {3}.</source>
        <translation>{0}: Der Tensor {1} hat den Datentyp {2}, erwartet wird {3}.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has shape {2}, expected three dimensions.</source>
        <translation>{0}: Der Tensor {1} hat die Form {2}, erwartet werden drei Dimensionen.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has shape {2}, expected {3} for {4} inputs and {5} outputs.</source>
        <translation>{0}: Der Tensor {1} hat die Form {2}, erwartet wird {3} für {4} Eingänge und {5} Ausgänge.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has shape {2}, expected {3}.</source>
        <translation>{0}: Der Tensor {1} hat die Form {2}, erwartet wird {3}.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has shape {2}: its depth {3} is not 16 times 1 to {4} bits.</source>
        <translation>{0}: Der Tensor {1} hat die Form {2}: Seine Tiefe {3} ist nicht 16 mal 1 bis {4} Bit.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has the dtype {2}, which this program cannot read.</source>
        <translation>{0}: Der Tensor {1} hat den Datentyp {2}, den dieses Programm nicht lesen kann.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has the impossible data_offsets {2}.</source>
        <translation>{0}: Der Tensor {1} hat die unmöglichen data_offsets {2}.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has the impossible shape {2}.</source>
        <translation>{0}: Der Tensor {1} hat die unmögliche Form {2}.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has the unknown dtype {2}.</source>
        <translation>{0}: Der Tensor {1} hat den unbekannten Datentyp {2}.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has {2} values that are not finite as {3}.</source>
        <translation>{0}: Der Tensor {1} hat {2} Werte, die als {3} nicht endlich sind.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} has {2} values that are not finite.</source>
        <translation>{0}: Der Tensor {1} hat {2} Werte, die nicht endlich sind.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} is 0x{2}, expected 0x{3}: the model was made with an experimental version of the EXL3 converter.</source>
        <translation>{0}: Der Tensor {1} ist 0x{2}, erwartet wird 0x{3}: Das Modell wurde mit einer Versuchsversion des EXL3-Umwandlers gemacht.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} is described by a {2}, not by an object.</source>
        <translation>{0}: Der Tensor {1} ist durch {2} beschrieben und nicht durch ein Objekt.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} is of the format {2}, which this program does not read.</source>
        <translation>{0}: Der Tensor {1} hat das Format {2}, das dieses Programm nicht liest.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} is said to be in {2}, which is not a shard&apos;s name.</source>
        <translation>{0}: Der Tensor {1} soll in {2} stehen, was kein Name einer Teildatei ist.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} is stored as {2} ({3}), which this program does not read.</source>
        <translation>{0}: Der Tensor {1} ist als {2} ({3}) gespeichert, was dieses Programm nicht liest.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} is stored as {2}.</source>
        <translation>{0}: Der Tensor {1} ist als {2} gespeichert.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} of dtype {2} and shape {3} needs {4} bytes but is given {5}.</source>
        <translation>{0}: Der Tensor {1} mit Datentyp {2} und Form {3} braucht {4} Byte, bekommt aber {5}.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} stands beside {2}; a linear has one codebook only.</source>
        <translation>{0}: Der Tensor {1} steht neben {2}; eine Schicht hat nur ein Codebuch.</translation>
    </message>
    <message>
        <source>{0}: tensor {1} stands beside {2}; only one of the two can hold.</source>
        <translation>{0}: Der Tensor {1} steht neben {2}; nur einer der beiden kann gelten.</translation>
    </message>
    <message>
        <source>{0}: the header is nested far too deeply.</source>
        <translation>{0}: Der Kopf ist viel zu tief verschachtelt.</translation>
    </message>
    <message>
        <source>{0}: the header is not valid JSON: {1}.</source>
        <translation>{0}: Der Kopf ist kein gültiges JSON: {1}.</translation>
    </message>
    <message>
        <source>{0}: the layer type “{1}” is not supported.</source>
        <translation>{0}: Der Schichttyp „{1}“ wird nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: the model reads text in both directions, so it cannot write.</source>
        <translation>{0}: Das Modell liest Text in beide Richtungen und kann deshalb nicht schreiben.</translation>
    </message>
    <message>
        <source>{0}: the rotary embedding “{1}” is not supported.</source>
        <translation>{0}: Das Rotary Embedding „{1}“ wird nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: the text model “{1}” is not supported.</source>
        <translation>{0}: Das Textmodell „{1}“ wird nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: the vision tower&apos;s hidden_act “{1}” is not supported.</source>
        <translation>{0}: hidden_act „{1}“ des Bildteils wird nicht unterstützt.</translation>
    </message>
    <message>
        <source>{0}: the weight of {1} has values that are not finite.</source>
        <translation>{0}: Das Gewicht von {1} hat Werte, die nicht endlich sind.</translation>
    </message>
    <message>
        <source>{0}: weight_map is {1}, not an object.</source>
        <translation>{0}: weight_map ist {1} und kein Objekt.</translation>
    </message>
    <message>
        <source>{0}: {1} is quantized already ({2}).</source>
        <translation>{0}: {1} ist schon quantisiert ({2}).</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, below the least number of pixels, {3}.</source>
        <translation>{0}: {1} ist {2}, unter der kleinsten Zahl von Bildpunkten, {3}.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, but config.json makes the vision tower for {3} x {4}.</source>
        <translation>{0}: {1} ist {2}, aber config.json macht den Teil fürs Sehen für {3} x {4}.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, but config.json merges {3}.</source>
        <translation>{0}: {1} ist {2}, aber config.json fasst {3} zusammen.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, but the model needs it.</source>
        <translation>{0}: {1} ist {2}, aber das Modell braucht es.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, but the text model is {3} wide.</source>
        <translation>{0}: {1} ist {2}, aber das Textmodell ist {3} breit.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, but {3} makes the vision tower with {4}.</source>
        <translation>{0}: {1} ist {2}, aber {3} macht den Teil fürs Sehen mit {4}.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, giving {3} rotary values.</source>
        <translation>{0}: {1} ist {2}, das ergibt {3} Rotary-Werte.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, less than the {3} pixels of one embedding.</source>
        <translation>{0}: {1} ist {2}, weniger als die {3} Pixel eines Embeddings.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a finite number.</source>
        <translation>{0}: {1} ist {2} und keine endliche Zahl.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a list of texts.</source>
        <translation>{0}: {1} ist {2} und keine Liste von Texten.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a list of {3} layers, each {4} or {5}.</source>
        <translation>{0}: {1} ist {2}, keine Liste von {3} Schichten, jede {4} oder {5}.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a list of {3} layers.</source>
        <translation>{0}: {1} ist {2} und keine Liste von {3} Schichten.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a list.</source>
        <translation>{0}: {1} ist {2} und keine Liste.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a multiple of {3} heads, and head_dim is missing.</source>
        <translation>{0}: {1} ist {2} und kein Vielfaches von {3} Köpfen, und head_dim fehlt.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a number from {3} to {4}.</source>
        <translation>{0}: {1} ist {2} und keine Zahl von {3} bis {4}.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a square.</source>
        <translation>{0}: {1} ist {2}, keine Quadratzahl.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a text.</source>
        <translation>{0}: {1} ist {2} und kein Text.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not a whole number.</source>
        <translation>{0}: {1} ist {2} und keine ganze Zahl.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not an object.</source>
        <translation>{0}: {1} ist {2} und kein Objekt.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not from {3} to {4}.</source>
        <translation>{0}: {1} ist {2} und nicht von {3} bis {4}.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not in ascending order.</source>
        <translation>{0}: {1} ist {2}, nicht aufsteigend geordnet.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not three numbers whose sum is {3}.</source>
        <translation>{0}: {1} ist {2}, nicht drei Zahlen, deren Summe {3} ist.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not three {3}numbers for red, green and blue.</source>
        <translation>{0}: {1} ist {2} und nicht drei Zahlen ({3}) für Rot, Grün und Blau.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not true or false.</source>
        <translation>{0}: {1} ist {2} und nicht true oder false.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, not {3} heads of a multiple of four values.</source>
        <translation>{0}: {1} ist {2}, nicht {3} Köpfe mit einem Vielfachen von vier Werten.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, which does not divide the {3} attention heads.</source>
        <translation>{0}: {1} ist {2}, was die {3} Attention-Köpfe nicht teilt.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, which {3} patches a side cannot be pooled to.</source>
        <translation>{0}: {1} ist {2}, worauf {3} Felder je Seite nicht zusammengefasst werden können.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, with sliding_attention although no sliding window is in use.</source>
        <translation>{0}: {1} ist {2}, mit sliding_attention, obwohl kein gleitendes Fenster benutzt wird.</translation>
    </message>
    <message>
        <source>{0}: “{1}” is missing.</source>
        <translation>{0}: „{1}“ fehlt.</translation>
    </message>
    <message>
        <source>{0}: “{1}” is {2}.</source>
        <translation>{0}: „{1}“ ist {2}.</translation>
    </message>
    <message>
        <source>“{0}” is no address.</source>
        <translation>„{0}“ ist keine Adresse.</translation>
    </message>
    <message>
        <source>“{0}” is not a commit of {1}.</source>
        <translation>„{0}“ ist kein Commit von {1}.</translation>
    </message>
    <message>
        <source>“{0}” is not the name of a branch.</source>
        <translation>„{0}“ ist nicht der Name eines Zweigs.</translation>
    </message>
    <message>
        <source>“{0}” is not the name of a repository.</source>
        <translation>„{0}“ ist nicht der Name eines Repositorys.</translation>
    </message>
    <message>
        <source>“{0}” names no owner.</source>
        <translation>„{0}“ nennt keinen Besitzer.</translation>
    </message>
    <message>
        <source>Its config.json cannot be read.</source>
        <translation>Seine config.json kann nicht gelesen werden.</translation>
    </message>
    <message>
        <source>Close other programs and try again.</source>
        <translation>Schließe andere Programme und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Opening {0} took longer than {1} seconds.</source>
        <translation>{0} zu öffnen hat länger als {1} Sekunden gedauert.</translation>
    </message>
    <message>
        <source>The file may be damaged: open it in an image editor and save it again.</source>
        <translation>Die Datei ist vielleicht beschädigt: Öffne sie in einem Bildprogramm und speichere sie neu.</translation>
    </message>
    <message>
        <source>{0} cannot be opened: decoding it ended unexpectedly.</source>
        <translation>{0} lässt sich nicht öffnen: Das Dekodieren brach unerwartet ab.</translation>
    </message>
    <message>
        <source>{0} cannot be opened: no further process can be started.</source>
        <translation>{0} lässt sich nicht öffnen: Es kann kein weiterer Prozess gestartet werden.</translation>
    </message>
    <message>
        <source>{0} has {1} GB of memory free; converting this model needs {2} GB.</source>
        <translation>{0} hat {1} GB Speicher frei; dieses Modell zu konvertieren braucht {2} GB.</translation>
    </message>
    <message>
        <source>{0} is {1} x {2} pixels; no side may be longer than {3}.</source>
        <translation>{0} hat {1} x {2} Bildpunkte; keine Seite darf länger als {3} sein.</translation>
    </message>
    <message>
        <source>{0}: {1} is {2}, which is not supported for images.</source>
        <translation>{0}: {1} ist {2}, was für Bilder nicht unterstützt wird.</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{0} of {1} GB</source>
        <translation>{0} von {1} GB</translation>
    </message>
    <message>
        <source>CPU, 1 core</source>
        <translation>CPU, 1 Kern</translation>
    </message>
    <message>
        <source>CPU, {0} cores</source>
        <translation>CPU, {0} Kerne</translation>
    </message>
    <message>
        <source>{0} of {1} MB</source>
        <translation>{0} von {1} MB</translation>
    </message>
</context>
<context>
    <name>Filters</name>
    <message>
        <source>Search models, or paste owner/name or an address</source>
        <translation>Modelle suchen, oder Besitzer/Name oder eine Adresse einfügen</translation>
    </message>
    <message>
        <source>Search models</source>
        <translation>Modelle suchen</translation>
    </message>
    <message>
        <source>Clear the search</source>
        <translation>Suche leeren</translation>
    </message>
    <message>
        <source>Plan for</source>
        <translation>Planen für</translation>
    </message>
    <message>
        <source>The card that models are judged for; any card can be chosen.</source>
        <translation>Die Karte, für die Modelle beurteilt werden; jede Karte kann gewählt werden.</translation>
    </message>
    <message>
        <source>Sort by</source>
        <translation>Sortieren nach</translation>
    </message>
    <message>
        <source>What comes first in the list.</source>
        <translation>Was in der Liste zuerst kommt.</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>How many weights a model has, as its name tells.</source>
        <translation>Wie viele Gewichte ein Modell hat, wie sein Name sagt.</translation>
    </message>
    <message>
        <source>Publisher</source>
        <translation>Herausgeber</translation>
    </message>
    <message>
        <source>Whose versions are listed.</source>
        <translation>Wessen Fassungen aufgeführt werden.</translation>
    </message>
    <message>
        <source>Fits my card</source>
        <translation>Passt auf meine Karte</translation>
    </message>
    <message>
        <source>Hides what is too big for the card. Until a model was looked into, its name tells its size.</source>
        <translation>Verbirgt, was für die Karte zu groß ist. Bis in ein Modell hineingesehen wurde, sagt sein Name die Größe.</translation>
    </message>
    <message>
        <source>Vision</source>
        <translation>Sehen</translation>
    </message>
    <message>
        <source>Only models that can see pictures.</source>
        <translation>Nur Modelle, die Bilder sehen können.</translation>
    </message>
    <message>
        <source>{0}, here</source>
        <translation>{0}, hier</translation>
    </message>
    <message>
        <source>All publishers</source>
        <translation>Alle Herausgeber</translation>
    </message>
    <message>
        <source>Most downloads</source>
        <translation>Meiste Downloads</translation>
    </message>
    <message>
        <source>Most likes</source>
        <translation>Meiste Likes</translation>
    </message>
    <message>
        <source>Trending</source>
        <translation>Im Trend</translation>
    </message>
    <message>
        <source>Changed last</source>
        <translation>Zuletzt geändert</translation>
    </message>
    <message>
        <source>Newest</source>
        <translation>Neueste</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Any size</source>
        <translation>Jede Größe</translation>
    </message>
    <message>
        <source>Over {0}B</source>
        <translation>Über {0}B</translation>
    </message>
    <message>
        <source>{0}B to {1}B</source>
        <translation>{0}B bis {1}B</translation>
    </message>
</context>
<context>
    <name>FindBar</name>
    <message>
        <source>Find in this chat</source>
        <translation>In diesem Chat suchen</translation>
    </message>
    <message>
        <source>Previous place (Shift+Enter)</source>
        <translation>Vorige Stelle (Umschalt+Eingabe)</translation>
    </message>
    <message>
        <source>Next place (Enter)</source>
        <translation>Nächste Stelle (Eingabe)</translation>
    </message>
    <message>
        <source>Close the search (Esc)</source>
        <translation>Suche schließen (Esc)</translation>
    </message>
    <message>
        <source>Not found</source>
        <translation>Nicht gefunden</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
</context>
<context>
    <name>FirstSteps</name>
    <message>
        <source>No card of this computer can run models, so they run on the processor, slowly.</source>
        <translation>Keine Karte dieses Computers kann Modelle ausführen, daher laufen sie auf dem Prozessor, langsam.</translation>
    </message>
    <message>
        <source>These would run well on a card such as {0}:</source>
        <translation>Auf einer Karte wie {0} liefen diese gut:</translation>
    </message>
    <message>
        <source>Your {0} runs these well:</source>
        <translation>Deine {0} führt diese gut aus:</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>{0} to download</source>
        <translation>{0} herunterzuladen</translation>
    </message>
</context>
<context>
    <name>FitSuggestions</name>
    <message>
        <source>Find a model</source>
        <translation>Modell finden</translation>
    </message>
</context>
<context>
    <name>FlatBrowser</name>
    <message>
        <source>Open a link</source>
        <translation>Einen Link öffnen</translation>
    </message>
    <message>
        <source>Open this address in your browser?</source>
        <translation>Diese Adresse im Browser öffnen?</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
</context>
<context>
    <name>FoldersCard</name>
    <message>
        <source>Add a folder…</source>
        <translation>Ordner hinzufügen…</translation>
    </message>
    <message>
        <source>Folders of models</source>
        <translation>Ordner mit Modellen</translation>
    </message>
    <message>
        <source>not there</source>
        <translation>nicht da</translation>
    </message>
    <message>
        <source>{0} free</source>
        <translation>{0} frei</translation>
    </message>
    <message>
        <source>downloads go here</source>
        <translation>Downloads kommen hierher</translation>
    </message>
    <message>
        <source>Download to it</source>
        <translation>Dorthin herunterladen</translation>
    </message>
    <message>
        <source>Download to {0}</source>
        <translation>Nach {0} herunterladen</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Remove {0}</source>
        <translation>{0} entfernen</translation>
    </message>
    <message>
        <source>Its models leave the list; the files stay.</source>
        <translation>Seine Modelle verlassen die Liste; die Dateien bleiben.</translation>
    </message>
</context>
<context>
    <name>FullNotice</name>
    <message>
        <source>Leave out the oldest messages</source>
        <translation>Die ältesten Nachrichten weglassen</translation>
    </message>
    <message>
        <source>Do not send</source>
        <translation>Nicht senden</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Leave out the oldest message</source>
        <translation>Die älteste Nachricht weglassen</translation>
    </message>
    <message>
        <source>Leave out the oldest {0} messages</source>
        <translation>Die ältesten {0} Nachrichten weglassen</translation>
    </message>
    <message>
        <source>Your message with the system prompt alone does not fit: the context holds {0} tokens. Shorten it, or load the model with a larger context.</source>
        <translation>Deine Nachricht passt schon mit dem System-Prompt allein nicht: Der Kontext fasst {0} Token. Kürze sie, oder lade das Modell mit einem größeren Kontext.</translation>
    </message>
    <message>
        <source>This chat is full: with your message it has {0} tokens. The context holds {1}, and {2} of them are kept for the reply. The oldest messages can be left out of what the model reads: you still see them here, and the model still reads the system prompt. Or load the model with a larger context.</source>
        <translation>Dieser Chat ist voll: Mit deiner Nachricht hat er {0} Token. Der Kontext fasst {1}, und {2} davon bleiben für die Antwort. Die ältesten Nachrichten können weggelassen werden bei dem, was das Modell liest: Du siehst sie hier weiterhin, und das Modell liest weiterhin den System-Prompt. Oder lade das Modell mit einem größeren Kontext.</translation>
    </message>
</context>
<context>
    <name>HelpDialog</name>
    <message>
        <source>Keyboard</source>
        <translation>Tastatur</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>Tastenkürzel</translation>
    </message>
    <message>
        <source>The arrow keys scroll the list.</source>
        <translation>Die Pfeiltasten bewegen die Liste.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>HubModelList</name>
    <message>
        <source>1 download</source>
        <translation>1 Download</translation>
    </message>
    <message>
        <source>1 like</source>
        <translation>1 Like</translation>
    </message>
    <message>
        <source>Espalier cannot run it</source>
        <translation>Espalier kann es nicht ausführen</translation>
    </message>
    <message>
        <source>Fits with a short context</source>
        <translation>Passt mit kurzem Kontext</translation>
    </message>
    <message>
        <source>Too big for this card</source>
        <translation>Zu groß für diese Karte</translation>
    </message>
    <message>
        <source>gated</source>
        <translation>beschränkt</translation>
    </message>
    <message>
        <source>made from {0}</source>
        <translation>gemacht aus {0}</translation>
    </message>
    <message>
        <source>private</source>
        <translation>privat</translation>
    </message>
    <message>
        <source>vision</source>
        <translation>Sehen</translation>
    </message>
    <message>
        <source>{0} bits: {1}, context up to {2}</source>
        <translation>{0} Bit: {1}, Kontext bis {2}</translation>
    </message>
    <message>
        <source>{0} downloads</source>
        <translation>{0} Downloads</translation>
    </message>
    <message>
        <source>{0} likes</source>
        <translation>{0} Likes</translation>
    </message>
</context>
<context>
    <name>HubSettingsCards</name>
    <message>
        <source>Address of the hub</source>
        <translation>Adresse des Hubs</translation>
    </message>
    <message>
        <source>Proxy</source>
        <translation>Proxy</translation>
    </message>
    <message>
        <source>http://host:port, or empty for the system&apos;s</source>
        <translation>http://host:port; leer steht für den des Systems</translation>
    </message>
    <message>
        <source>This server is my own and may have the token</source>
        <translation>Dieser Server ist mein eigener und darf das Token bekommen</translation>
    </message>
    <message>
        <source>Offline: ask no server for anything</source>
        <translation>Offline: keinen Server etwas fragen</translation>
    </message>
    <message>
        <source>New access token</source>
        <translation>Neues Zugangs-Token</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Behalten</translation>
    </message>
    <message>
        <source>Check</source>
        <translation>Prüfen</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>The hub</source>
        <translation>Der Hub</translation>
    </message>
    <message>
        <source>Leave the address empty for the hub itself, or enter a mirror. A token is never sent to a mirror, nor to a host that an answer leads to.</source>
        <translation>Lass die Adresse für den Hub selbst leer oder gib einen Spiegel ein. Ein Token geht nie an einen Spiegel, auch nicht an einen Host, zu dem eine Antwort führt.</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>Downloads</translation>
    </message>
    <message>
        <source>Models at a time</source>
        <translation>Modelle auf einmal</translation>
    </message>
    <message>
        <source>{0} models at a time</source>
        <translation>{0} Modelle auf einmal</translation>
    </message>
    <message>
        <source>New models go to</source>
        <translation>Neue Modelle kommen nach</translation>
    </message>
    <message>
        <source>Folders…</source>
        <translation>Ordner…</translation>
    </message>
    <message>
        <source>Access token</source>
        <translation>Zugangs-Token</translation>
    </message>
    <message>
        <source>Only private models and those whose terms must be accepted need one; with one the hub also allows more requests. Make it on the hub&apos;s page of access tokens, with the right to read. It is kept in this system&apos;s keyring, or where there is none in a file that only you can read, and is never shown again.</source>
        <translation>Nur private Modelle und solche, deren Bedingungen angenommen werden müssen, brauchen eines; mit einem Token erlaubt der Hub auch mehr Anfragen. Erstelle es auf der Seite des Hubs für Zugangs-Token, mit Leserecht. Es liegt im Schlüsselbund dieses Systems oder, wo es keinen gibt, in einer Datei, die nur du lesen kannst, und wird nie wieder angezeigt.</translation>
    </message>
    <message>
        <source>Hosts this program can contact</source>
        <translation>Hosts, die dieses Programm ansprechen kann</translation>
    </message>
    <message>
        <source>It contacts no other host by itself. A link that you open goes to your browser.</source>
        <translation>Von sich aus spricht es keinen anderen Host an. Ein Link, den du öffnest, geht an deinen Browser.</translation>
    </message>
    <message>
        <source>Looking for a token…</source>
        <translation>Es wird nach einem Token gesehen…</translation>
    </message>
    <message>
        <source>No token is kept.</source>
        <translation>Kein Token ist hinterlegt.</translation>
    </message>
    <message>
        <source>The token of the variable HF_TOKEN is used; it comes before one that is kept.</source>
        <translation>Das Token der Variablen HF_TOKEN wird benutzt; es geht einem hinterlegten vor.</translation>
    </message>
    <message>
        <source>A token is kept in this system&apos;s keyring.</source>
        <translation>Ein Token liegt im Schlüsselbund dieses Systems.</translation>
    </message>
    <message>
        <source>A token is kept unencrypted in {0}: this system offers no keyring.</source>
        <translation>Ein Token liegt unverschlüsselt in {0}: Dieses System hat keinen Schlüsselbund.</translation>
    </message>
    <message>
        <source>Storage hosts that it names in its answers: large files, without the token</source>
        <translation>Speicher-Hosts, die er in seinen Antworten nennt: große Dateien, ohne das Token</translation>
    </message>
    <message>
        <source>{0}: the proxy that all of it goes through</source>
        <translation>{0}: der Proxy, durch den das alles geht</translation>
    </message>
    <message>
        <source>{0}: searches, model cards, small files, the token</source>
        <translation>{0}: Suchen, Modellkarten, kleine Dateien, das Token</translation>
    </message>
    <message>
        <source>{0}: searches, model cards, small files, never the token</source>
        <translation>{0}: Suchen, Modellkarten, kleine Dateien, nie das Token</translation>
    </message>
    <message>
        <source>None: the program is offline.</source>
        <translation>Keine: Das Programm ist offline.</translation>
    </message>
</context>
<context>
    <name>HubSettingsController</name>
    <message>
        <source>The token is kept in this system&apos;s keyring.</source>
        <translation>Das Token liegt im Schlüsselbund dieses Systems.</translation>
    </message>
    <message>
        <source>The hub knows this token: it belongs to {0}.</source>
        <translation>Der Hub kennt dieses Token: Es gehört {0}.</translation>
    </message>
    <message>
        <source>The token is removed from this computer.</source>
        <translation>Das Token ist von diesem Computer entfernt.</translation>
    </message>
</context>
<context>
    <name>ImageDetail</name>
    <message>
        <source>How much of an image the model is shown in this chat; less is quicker and leaves more context</source>
        <translation>Wie genau das Modell Bilder in diesem Chat zu sehen bekommt; weniger ist schneller und lässt mehr Kontext frei</translation>
    </message>
    <message>
        <source>Image detail</source>
        <translation>Bilddetails</translation>
    </message>
    <message>
        <source>Own</source>
        <translation>Eigene</translation>
    </message>
    <message>
        <source>An image has at most {0} megapixels then</source>
        <translation>Ein Bild hat dann höchstens {0} Megapixel</translation>
    </message>
    <message>
        <source>Low</source>
        <translation>Niedrig</translation>
    </message>
    <message>
        <source>Medium</source>
        <translation>Mittel</translation>
    </message>
    <message>
        <source>High</source>
        <translation>Hoch</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>Original</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>{0}: up to {1} tokens</source>
        <translation>{0}: bis {1} Token</translation>
    </message>
</context>
<context>
    <name>Inspector</name>
    <message>
        <source>random</source>
        <translation>zufällig</translation>
    </message>
    <message>
        <source>One in each line</source>
        <translation>Eine je Zeile</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
    <message>
        <source>How the model should behave in this chat</source>
        <translation>Wie sich das Modell in diesem Chat verhalten soll</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>System-Prompt</translation>
    </message>
    <message>
        <source>Close this panel</source>
        <translation>Diese Leiste schließen</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>This chat</source>
        <translation>Dieser Chat</translation>
    </message>
    <message>
        <source>Preset</source>
        <translation>Preset</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>Sampling</translation>
    </message>
    <message>
        <source>Above 1 makes any earlier token less likely.</source>
        <translation>Über 1 werden alle früheren Token unwahrscheinlicher.</translation>
    </message>
    <message>
        <source>Default</source>
        <translation>Vorgabe</translation>
    </message>
    <message>
        <source>Drop tokens below this fraction of the likeliest&apos;s chance.</source>
        <translation>Token unter diesem Bruchteil der Wahrscheinlichkeit des wahrscheinlichsten fallen weg.</translation>
    </message>
    <message>
        <source>Frequency penalty</source>
        <translation>Häufigkeit</translation>
    </message>
    <message>
        <source>From {0} to {1}.</source>
        <translation>Von {0} bis {1}.</translation>
    </message>
    <message>
        <source>Go on past the model&apos;s own end-of-text tokens.</source>
        <translation>Über die eigenen Text-Ende-Token des Modells hinaus weiterschreiben.</translation>
    </message>
    <message>
        <source>Higher is more varied, 0 always takes the likeliest.</source>
        <translation>Höher ist abwechslungsreicher, 0 nimmt immer das wahrscheinlichste.</translation>
    </message>
    <message>
        <source>Ignore the end</source>
        <translation>Ende übergehen</translation>
    </message>
    <message>
        <source>Keep only the k likeliest tokens; 0 keeps all.</source>
        <translation>Nur die k wahrscheinlichsten Token behalten; 0 behält alle.</translation>
    </message>
    <message>
        <source>Keep the likeliest tokens up to this share; 1 keeps all.</source>
        <translation>Die wahrscheinlichsten Token bis zu diesem Anteil behalten; 1 behält alle.</translation>
    </message>
    <message>
        <source>Longest reply</source>
        <translation>Längste Antwort</translation>
    </message>
    <message>
        <source>Min-p</source>
        <translation>Min-p</translation>
    </message>
    <message>
        <source>Penalties look at the last n tokens; 0: at all.</source>
        <translation>Strafen sehen auf die letzten n Token; 0: auf alle.</translation>
    </message>
    <message>
        <source>Penalty window</source>
        <translation>Strafenfenster</translation>
    </message>
    <message>
        <source>Presence penalty</source>
        <translation>Präsenz</translation>
    </message>
    <message>
        <source>Repetition penalty</source>
        <translation>Wiederholung</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Seed</translation>
    </message>
    <message>
        <source>Stop texts</source>
        <translation>Stopptexte</translation>
    </message>
    <message>
        <source>Stop token ids</source>
        <translation>Stopp-Token</translation>
    </message>
    <message>
        <source>Subtracted for each use in the reply.</source>
        <translation>Wird für jede Verwendung in der Antwort abgezogen.</translation>
    </message>
    <message>
        <source>Subtracted once from each token of the reply.</source>
        <translation>Wird von jedem Token der Antwort einmal abgezogen.</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>Temperatur</translation>
    </message>
    <message>
        <source>The reply ends after this many tokens.</source>
        <translation>Die Antwort endet nach so vielen Token.</translation>
    </message>
    <message>
        <source>The reply ends at any of these token ids.</source>
        <translation>Die Antwort endet bei einer dieser Token-Nummern.</translation>
    </message>
    <message>
        <source>The reply ends before any of these texts.</source>
        <translation>Die Antwort endet vor einem dieser Texte.</translation>
    </message>
    <message>
        <source>The same seed gives the same reply; empty: a new one.</source>
        <translation>Der gleiche Seed gibt die gleiche Antwort; leer: ein neuer.</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>off</source>
        <translation>aus</translation>
    </message>
    <message>
        <source>on</source>
        <translation>an</translation>
    </message>
    <message>
        <source>{0}, slider</source>
        <translation>{0}, Schieber</translation>
    </message>
    <message>
        <source>{0}: back to {1}</source>
        <translation>{0}: zurück zu {1}</translation>
    </message>
</context>
<context>
    <name>LibraryController</name>
    <message>
        <source>{0} could not be written: {1}.</source>
        <translation>{0} konnte nicht geschrieben werden: {1}.</translation>
    </message>
    <message>
        <source>You</source>
        <translation>Du</translation>
    </message>
    <message>
        <source>Assistant</source>
        <translation>Assistent</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>System-Prompt</translation>
    </message>
    <message>
        <source>interrupted</source>
        <translation>unterbrochen</translation>
    </message>
    <message>
        <source>image</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>Gedanken</translation>
    </message>
</context>
<context>
    <name>LibraryPresenter</name>
    <message>
        <source>“{0}” is in no folder now.</source>
        <translation>„{0}“ liegt jetzt in keinem Ordner.</translation>
    </message>
    <message>
        <source>“{0}” is in the folder “{1}” now.</source>
        <translation>„{0}“ liegt jetzt im Ordner „{1}“.</translation>
    </message>
    <message>
        <source>“{0}” is pinned.</source>
        <translation>„{0}“ ist angeheftet.</translation>
    </message>
    <message>
        <source>Deleted “{0}”.</source>
        <translation>„{0}“ gelöscht.</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>New folder</source>
        <translation>Neuer Ordner</translation>
    </message>
    <message>
        <source>Markdown</source>
        <translation>Markdown</translation>
    </message>
    <message>
        <source>Web page</source>
        <translation>Webseite</translation>
    </message>
    <message>
        <source>Espalier chat</source>
        <translation>Espalier-Chat</translation>
    </message>
    <message>
        <source>Export the chat</source>
        <translation>Chat exportieren</translation>
    </message>
    <message>
        <source>Import chats</source>
        <translation>Chats importieren</translation>
    </message>
    <message>
        <source>Deleted 1 message.</source>
        <translation>1 Nachricht gelöscht.</translation>
    </message>
    <message>
        <source>Deleted {0} messages.</source>
        <translation>{0} Nachrichten gelöscht.</translation>
    </message>
    <message>
        <source>There is nothing to undo.</source>
        <translation>Es gibt nichts rückgängig zu machen.</translation>
    </message>
    <message>
        <source>The chat could not be saved ({0}). Make room on the disk; saving is tried again.</source>
        <translation>Der Chat konnte nicht gesichert werden ({0}). Schaffe Platz auf dem Datenträger; das Sichern wird wieder versucht.</translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>The chat is saved now.</source>
        <translation>Der Chat ist jetzt gespeichert.</translation>
    </message>
    <message>
        <source>Exported to {0}.</source>
        <translation>Nach {0} exportiert.</translation>
    </message>
    <message>
        <source>Imported “{0}”.</source>
        <translation>„{0}“ importiert.</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
</context>
<context>
    <name>LoadEditor</name>
    <message>
        <source>Device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>Where this model runs; automatic takes the first card.</source>
        <translation>Wo dieses Modell läuft; automatisch nimmt die erste Karte.</translation>
    </message>
    <message>
        <source>Exact rounds nothing; fast rounds activations to 8 bits and is a few percent faster.</source>
        <translation>Exakt rundet nichts; schnell rundet Aktivierungen auf 8 Bit und ist einige Prozent schneller.</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>Rundung</translation>
    </message>
    <message>
        <source>Exact</source>
        <translation>Exakt</translation>
    </message>
    <message>
        <source>Fast</source>
        <translation>Schnell</translation>
    </message>
    <message>
        <source>Plan for</source>
        <translation>Planen für</translation>
    </message>
    <message>
        <source>The card that the bar below is about.</source>
        <translation>Die Karte, um die es im Balken unten geht.</translation>
    </message>
    <message>
        <source>The files cannot be read, so nothing can be estimated.</source>
        <translation>Die Dateien können nicht gelesen werden, daher lässt sich nichts schätzen.</translation>
    </message>
    <message>
        <source>Use the usual settings</source>
        <translation>Übliche Einstellungen benutzen</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>This model has settings of its own.</source>
        <translation>Dieses Modell hat eigene Einstellungen.</translation>
    </message>
    <message>
        <source>This model has the usual settings.</source>
        <translation>Dieses Modell hat die üblichen Einstellungen.</translation>
    </message>
    <message>
        <source>On the {0} now: estimated {1}, took {2}.</source>
        <translation>Auf {0} jetzt: geschätzt {1}, gebraucht {2}.</translation>
    </message>
    <message>
        <source>What the display and other programs hold now.</source>
        <translation>Was Anzeige und andere Programme jetzt halten.</translation>
    </message>
    <message>
        <source>The model&apos;s tensors, as they lie on the card.</source>
        <translation>Die Tensoren des Modells, wie sie auf der Karte liegen.</translation>
    </message>
    <message>
        <source>Keys and values of the conversation.</source>
        <translation>Schlüssel und Werte des Gesprächs.</translation>
    </message>
    <message>
        <source>Buffers, kernels and libraries.</source>
        <translation>Puffer, Kernel und Bibliotheken.</translation>
    </message>
    <message>
        <source>What the driver takes in every program that uses the card.</source>
        <translation>Was der Treiber in jedem Programm nimmt, das die Karte benutzt.</translation>
    </message>
    <message>
        <source>What is left.</source>
        <translation>Was übrig ist.</translation>
    </message>
</context>
<context>
    <name>LoadPanel</name>
    <message>
        <source>Where models run. Automatic takes the first NVIDIA card that can run them, else the CPU.</source>
        <translation>Wo Modelle laufen. Automatisch nimmt die erste NVIDIA-Karte, die sie ausführen kann, sonst die CPU.</translation>
    </message>
    <message>
        <source>How many tokens of conversation there is room for; more needs more memory. Automatic takes what the model was made for, at most {0}.</source>
        <translation>Für wie viele Token Gespräch Platz ist; mehr braucht mehr Speicher. Automatisch nimmt, wofür das Modell gemacht ist, höchstens {0}.</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Kontext</translation>
    </message>
    <message>
        <source>How exactly the conversation so far is held: 8 bits hold about twice the context of fp16 in the same memory and 4 bits more than three times, at a small loss of quality.</source>
        <translation>Wie genau das bisherige Gespräch gehalten wird: 8 Bit fassen im gleichen Speicher etwa doppelt so viel Kontext wie fp16 und 4 Bit mehr als dreimal so viel, mit wenig Verlust an Güte.</translation>
    </message>
    <message>
        <source>Cache</source>
        <translation>Cache</translation>
    </message>
    <message>
        <source>fp16</source>
        <translation>fp16</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>On a card: exact rounds nothing; fast rounds the activations of a single reply to 8 bits, which replies a few percent sooner and changes next to nothing.</source>
        <translation>Auf einer Karte: Exakt rundet nichts; schnell rundet die Aktivierungen einer einzelnen Antwort auf 8 Bit, was einige Prozent schneller ist und so gut wie nichts ändert.</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>Rundung</translation>
    </message>
    <message>
        <source>Exact</source>
        <translation>Exakt</translation>
    </message>
    <message>
        <source>Fast</source>
        <translation>Schnell</translation>
    </message>
    <message>
        <source>Reload now</source>
        <translation>Jetzt neu laden</translation>
    </message>
    <message>
        <source>Takes effect at the next load.</source>
        <translation>Gilt ab dem nächsten Laden.</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} Token</translation>
    </message>
</context>
<context>
    <name>LoadSettings</name>
    <message>
        <source>It is not in this computer.</source>
        <translation>Sie ist nicht in diesem Computer.</translation>
    </message>
    <message>
        <source>The chosen card cannot be used: {0}</source>
        <translation>Die gewählte Karte kann nicht benutzt werden: {0}</translation>
    </message>
</context>
<context>
    <name>MachineWiring</name>
    <message>
        <source>The model was unloaded after {0} minutes without use. It is loaded again when you write.</source>
        <translation>Das Modell wurde nach {0} Minuten ohne Benutzung entladen. Es wird wieder geladen, wenn du schreibst.</translation>
    </message>
    <message>
        <source>Load it now</source>
        <translation>Jetzt laden</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Dropped image</source>
        <translation>Abgelegtes Bild</translation>
    </message>
</context>
<context>
    <name>MessageActions</name>
    <message>
        <source>Copy message</source>
        <translation>Nachricht kopieren</translation>
    </message>
    <message>
        <source>Edit message</source>
        <translation>Nachricht bearbeiten</translation>
    </message>
    <message>
        <source>Regenerate reply</source>
        <translation>Antwort neu schreiben</translation>
    </message>
    <message>
        <source>Reply to this message</source>
        <translation>Auf diese Nachricht antworten</translation>
    </message>
    <message>
        <source>Continue this reply</source>
        <translation>Diese Antwort fortsetzen</translation>
    </message>
    <message>
        <source>Branch into a new chat here</source>
        <translation>Hier in einen neuen Chat abzweigen</translation>
    </message>
    <message>
        <source>Delete from here on</source>
        <translation>Ab hier löschen</translation>
    </message>
    <message>
        <source>Start the reply with…</source>
        <translation>Antwort beginnen mit…</translation>
    </message>
    <message>
        <source>{0}; right-click to start it with your own words</source>
        <translation>{0}; Rechtsklick, um sie mit eigenen Worten zu beginnen</translation>
    </message>
</context>
<context>
    <name>MessageEditor</name>
    <message>
        <source>Edit the message</source>
        <translation>Die Nachricht bearbeiten</translation>
    </message>
    <message>
        <source>Ctrl+Enter</source>
        <translation>Strg+Eingabe</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Eingabe</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Add images</source>
        <translation>Bilder hinzufügen</translation>
    </message>
</context>
<context>
    <name>MessageWidget</name>
    <message>
        <source>Message {0} of {1}</source>
        <translation>Nachricht {0} von {1}</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>Senden</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Sichern</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>Neu schreiben</translation>
    </message>
    <message>
        <source>The new reply starts with these words</source>
        <translation>Die neue Antwort beginnt mit diesen Worten</translation>
    </message>
    <message>
        <source>Start reply with</source>
        <translation>Antwort beginnen mit</translation>
    </message>
    <message>
        <source>You</source>
        <translation>Du</translation>
    </message>
    <message>
        <source>Reply</source>
        <translation>Antwort</translation>
    </message>
</context>
<context>
    <name>ModelBar</name>
    <message>
        <source>Load progress</source>
        <translation>Ladefortschritt</translation>
    </message>
    <message>
        <source>Show or hide the conversations</source>
        <translation>Gespräche zeigen oder verbergen</translation>
    </message>
    <message>
        <source>Open a model folder</source>
        <translation>Modellordner öffnen</translation>
    </message>
    <message>
        <source>Open folder…</source>
        <translation>Ordner öffnen…</translation>
    </message>
    <message>
        <source>Unload the model</source>
        <translation>Modell entladen</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>Entladen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Show or hide the settings of model and chat</source>
        <translation>Einstellungen von Modell und Chat zeigen oder verbergen</translation>
    </message>
    <message>
        <source>No model</source>
        <translation>Kein Modell</translation>
    </message>
    <message>
        <source>Open a folder to load one</source>
        <translation>Öffne einen Ordner, um eines zu laden</translation>
    </message>
    <message>
        <source>Cancelling…</source>
        <translation>Wird abgebrochen…</translation>
    </message>
    <message>
        <source>Opening the files…</source>
        <translation>Die Dateien werden geöffnet…</translation>
    </message>
    <message>
        <source>Unloading…</source>
        <translation>Wird entladen…</translation>
    </message>
    <message>
        <source>context {0}</source>
        <translation>Kontext {0}</translation>
    </message>
    <message>
        <source>Demo model</source>
        <translation>Demo-Modell</translation>
    </message>
    <message>
        <source>Preparing for your GPU (first time only): {0} of {1}</source>
        <translation>Für deine GPU wird vorbereitet (nur beim ersten Mal): {0} von {1}</translation>
    </message>
    <message>
        <source>Preparing for your machine (first time only): {0} of {1}</source>
        <translation>Für deinen Computer wird vorbereitet (nur beim ersten Mal): {0} von {1}</translation>
    </message>
    <message>
        <source>Preparing {0}</source>
        <translation>{0} wird vorbereitet</translation>
    </message>
    <message>
        <source>Reading {0}</source>
        <translation>Gelesen: {0}</translation>
    </message>
    <message>
        <source>Warming up</source>
        <translation>Wärmt auf</translation>
    </message>
</context>
<context>
    <name>ModelCard</name>
    <message>
        <source>Load</source>
        <translation>Laden</translation>
    </message>
    <message>
        <source>Load settings</source>
        <translation>Ladeeinstellungen</translation>
    </message>
    <message>
        <source>Convert…</source>
        <translation>Umwandeln …</translation>
    </message>
    <message>
        <source>Make a smaller EXL3 model out of it.</source>
        <translation>Daraus ein kleineres EXL3-Modell machen.</translation>
    </message>
    <message>
        <source>Verify</source>
        <translation>Prüfen</translation>
    </message>
    <message>
        <source>Move…</source>
        <translation>Verschieben…</translation>
    </message>
    <message>
        <source>Delete…</source>
        <translation>Löschen…</translation>
    </message>
    <message>
        <source>Remove from the list</source>
        <translation>Aus der Liste entfernen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Convert {0}</source>
        <translation>{0} umwandeln</translation>
    </message>
    <message>
        <source>Progress for {0}</source>
        <translation>Fortschritt von {0}</translation>
    </message>
    <message>
        <source>Remove {0} from the list</source>
        <translation>{0} aus der Liste entfernen</translation>
    </message>
    <message>
        <source>Cancel what happens to {0}</source>
        <translation>Abbrechen, was mit {0} geschieht</translation>
    </message>
    <message>
        <source>Load again</source>
        <translation>Neu laden</translation>
    </message>
    <message>
        <source>Chat with it</source>
        <translation>Damit chatten</translation>
    </message>
    <message>
        <source>Another folder…</source>
        <translation>Anderer Ordner…</translation>
    </message>
</context>
<context>
    <name>ModelPages</name>
    <message>
        <source>Find</source>
        <translation>Finden</translation>
    </message>
    <message>
        <source>On this computer</source>
        <translation>Auf diesem Computer</translation>
    </message>
    <message>
        <source>{0} is being downloaded: {1}.</source>
        <translation>{0} wird heruntergeladen: {1}.</translation>
    </message>
    <message>
        <source>Show downloads</source>
        <translation>Downloads zeigen</translation>
    </message>
    <message>
        <source>Choose a folder for models</source>
        <translation>Ordner für Modelle wählen</translation>
    </message>
    <message>
        <source>{0} is downloaded and verified.</source>
        <translation>{0} ist heruntergeladen und geprüft.</translation>
    </message>
    <message>
        <source>Chat with it</source>
        <translation>Damit chatten</translation>
    </message>
    <message>
        <source>The variable HF_HUB_OFFLINE keeps this program offline. Start it without.</source>
        <translation>Die Variable HF_HUB_OFFLINE hält dieses Programm offline. Starte es ohne sie.</translation>
    </message>
</context>
<context>
    <name>ModelPresenter</name>
    <message>
        <source>the demo model</source>
        <translation>Das Demo-Modell</translation>
    </message>
    <message>
        <source>No model loaded</source>
        <translation>Kein Modell geladen</translation>
    </message>
    <message>
        <source>Loading…</source>
        <translation>Wird geladen…</translation>
    </message>
    <message>
        <source>Cancelling…</source>
        <translation>Wird abgebrochen…</translation>
    </message>
    <message>
        <source>Writing a reply</source>
        <translation>Schreibt eine Antwort</translation>
    </message>
    <message>
        <source>Ready</source>
        <translation>Bereit</translation>
    </message>
    <message>
        <source>Unloading…</source>
        <translation>Wird entladen…</translation>
    </message>
</context>
<context>
    <name>MyModels</name>
    <message>
        <source>Deleting</source>
        <translation>Wird gelöscht</translation>
    </message>
    <message>
        <source>Moving: copying, then comparing</source>
        <translation>Wird verschoben: kopieren, dann vergleichen</translation>
    </message>
    <message>
        <source>Verifying</source>
        <translation>Wird geprüft</translation>
    </message>
    <message>
        <source>downloaded</source>
        <translation>heruntergeladen</translation>
    </message>
    <message>
        <source>in the Hugging Face cache, read only</source>
        <translation>im Hugging-Face-Cache, nur lesbar</translation>
    </message>
    <message>
        <source>opened from elsewhere</source>
        <translation>von anderswo geöffnet</translation>
    </message>
    <message>
        <source>own folder</source>
        <translation>eigener Ordner</translation>
    </message>
    <message>
        <source>unquantized</source>
        <translation>nicht quantisiert</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>{0} · waiting</source>
        <translation>{0} · wartet</translation>
    </message>
</context>
<context>
    <name>MyModelsPage</name>
    <message>
        <source>Open a folder…</source>
        <translation>Ordner öffnen…</translation>
    </message>
    <message>
        <source>Find a model</source>
        <translation>Modell finden</translation>
    </message>
    <message>
        <source>On this computer</source>
        <translation>Auf diesem Computer</translation>
    </message>
    <message>
        <source>{0} models, {1}</source>
        <translation>{0} Modelle, {1}</translation>
    </message>
    <message>
        <source>{0} model, {1}</source>
        <translation>{0} Modell, {1}</translation>
    </message>
    <message>
        <source>This frees {0}. Its files are deleted from {1}.</source>
        <translation>Das gibt {0} frei. Seine Dateien werden aus {1} gelöscht.</translation>
    </message>
    <message>
        <source>This frees {0}. Everything in {1} is deleted.</source>
        <translation>Das gibt {0} frei. Alles in {1} wird gelöscht.</translation>
    </message>
    <message>
        <source>Delete {0}?</source>
        <translation>{0} löschen?</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Löschen</translation>
    </message>
    <message>
        <source>There is no model here yet. Find one, or open a folder that has one.</source>
        <translation>Hier ist noch kein Modell. Finde eines, oder öffne einen Ordner, der eines enthält.</translation>
    </message>
</context>
<context>
    <name>MyModelsPresenter</name>
    <message>
        <source>{0} is loaded. Unload it first.</source>
        <translation>{0} ist geladen. Entlade es zuerst.</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>Entladen</translation>
    </message>
    <message>
        <source>All {0} files of {1} are as they were downloaded.</source>
        <translation>Alle {0} Dateien von {1} sind so, wie sie heruntergeladen wurden.</translation>
    </message>
    <message>
        <source>{0} of {1} files of {2} are damaged or missing: {3}. Download them again to use the model.</source>
        <translation>{0} von {1} Dateien von {2} sind beschädigt oder fehlen: {3}. Lade sie neu herunter, um das Modell zu benutzen.</translation>
    </message>
    <message>
        <source>Download them</source>
        <translation>Herunterladen</translation>
    </message>
    <message>
        <source>{0} is deleted, {1} are free again.</source>
        <translation>{0} ist gelöscht, {1} sind wieder frei.</translation>
    </message>
    <message>
        <source>Moved to {0}.</source>
        <translation>Nach {0} verschoben.</translation>
    </message>
</context>
<context>
    <name>Notice</name>
    <message>
        <source>Act on this note</source>
        <translation>Dieser Notiz folgen</translation>
    </message>
    <message>
        <source>Close this note</source>
        <translation>Diese Notiz schließen</translation>
    </message>
</context>
<context>
    <name>PictureTile</name>
    <message>
        <source>Image {0} of {1}</source>
        <translation>Bild {0} von {1}</translation>
    </message>
    <message>
        <source>Remove {0}</source>
        <translation>{0} entfernen</translation>
    </message>
    <message>
        <source>The image is being read.</source>
        <translation>Das Bild wird gelesen.</translation>
    </message>
    <message>
        <source>{0} × {1} pixels</source>
        <translation>{0} × {1} Pixel</translation>
    </message>
    <message>
        <source>{0}, about {1} tokens</source>
        <translation>{0}, etwa {1} Token</translation>
    </message>
    <message>
        <source>Animated: the model sees the first frame.</source>
        <translation>Animiert: Das Modell sieht das erste Einzelbild.</translation>
    </message>
    <message>
        <source>Several pages: the model sees the first one.</source>
        <translation>Mehrere Seiten: Das Modell sieht die erste.</translation>
    </message>
</context>
<context>
    <name>PictureTray</name>
    <message>
        <source>Reading the image…</source>
        <translation>Das Bild wird gelesen …</translation>
    </message>
    <message>
        <source>1 image, about {1} tokens</source>
        <translation>1 Bild, etwa {1} Token</translation>
    </message>
    <message>
        <source>{0} images, about {1} tokens</source>
        <translation>{0} Bilder, etwa {1} Token</translation>
    </message>
    <message>
        <source>Of an animated image, the model sees the first frame.</source>
        <translation>Von einem animierten Bild sieht das Modell das erste Einzelbild.</translation>
    </message>
    <message>
        <source>Of an image with several pages, the model sees the first one.</source>
        <translation>Von einem Bild mit mehreren Seiten sieht das Modell die erste.</translation>
    </message>
</context>
<context>
    <name>PictureViewer</name>
    <message>
        <source>Image before</source>
        <translation>Voriges Bild</translation>
    </message>
    <message>
        <source>Image after</source>
        <translation>Nächstes Bild</translation>
    </message>
    <message>
        <source>Full size</source>
        <translation>Volle Größe</translation>
    </message>
    <message>
        <source>Save as…</source>
        <translation>Speichern unter …</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Close the image</source>
        <translation>Bild schließen</translation>
    </message>
    <message>
        <source>Image</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>{0} ({1} of {2})</source>
        <translation>{0} ({1} von {2})</translation>
    </message>
    <message>
        <source>{0} × {1} pixels</source>
        <translation>{0} × {1} Pixel</translation>
    </message>
    <message>
        <source>Reading the image…</source>
        <translation>Das Bild wird gelesen …</translation>
    </message>
    <message>
        <source>Fit the window</source>
        <translation>Ans Fenster anpassen</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Kopiert</translation>
    </message>
</context>
<context>
    <name>PictureWiring</name>
    <message>
        <source>Add images</source>
        <translation>Bilder hinzufügen</translation>
    </message>
    <message>
        <source>The images stay in your message until a model that sees is loaded.</source>
        <translation>Die Bilder bleiben in deiner Nachricht, bis ein Modell geladen ist, das sieht.</translation>
    </message>
    <message>
        <source>Load {0}</source>
        <translation>{0} laden</translation>
    </message>
    <message>
        <source>Load the demo model</source>
        <translation>Das Demo-Modell laden</translation>
    </message>
    <message>
        <source>Find a model that sees</source>
        <translation>Ein Modell finden, das sieht</translation>
    </message>
    <message>
        <source>Remove the images</source>
        <translation>Bilder entfernen</translation>
    </message>
    <message>
        <source>Only the address of the image came along, and nothing is fetched. Copy the image, then paste it.</source>
        <translation>Nur die Adresse des Bildes kam mit, und es wird nichts abgerufen. Kopiere das Bild und füge es dann ein.</translation>
    </message>
    <message>
        <source>Image</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Save the image</source>
        <translation>Bild speichern</translation>
    </message>
    <message>
        <source>Saved as {0}.</source>
        <translation>Als {0} gespeichert.</translation>
    </message>
</context>
<context>
    <name>PlanCard</name>
    <message>
        <source>There is no card.</source>
        <translation>Es gibt keine Karte.</translation>
    </message>
    <message>
        <source>{0} (driver {1})</source>
        <translation>{0} (Treiber {1})</translation>
    </message>
</context>
<context>
    <name>PresetBar</name>
    <message>
        <source>A system prompt with sampling settings, kept under a name.</source>
        <translation>Ein System-Prompt mit Sampling-Einstellungen, unter einem Namen aufgehoben.</translation>
    </message>
    <message>
        <source>Preset</source>
        <translation>Preset</translation>
    </message>
    <message>
        <source>Keep, rename or hand on presets</source>
        <translation>Presets behalten, umbenennen oder weitergeben</translation>
    </message>
    <message>
        <source>Name of the preset</source>
        <translation>Name des Presets</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Behalten</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>No preset</source>
        <translation>Kein Preset</translation>
    </message>
    <message>
        <source>{0} (changed)</source>
        <translation>{0} (geändert)</translation>
    </message>
    <message>
        <source>Keep changes in “{0}”</source>
        <translation>Änderungen in „{0}“ behalten</translation>
    </message>
    <message>
        <source>Back to “{0}”</source>
        <translation>Zurück zu „{0}“</translation>
    </message>
    <message>
        <source>Keep as a new preset…</source>
        <translation>Als neues Preset behalten…</translation>
    </message>
    <message>
        <source>Rename “{0}”…</source>
        <translation>„{0}“ umbenennen…</translation>
    </message>
    <message>
        <source>Delete “{0}”</source>
        <translation>„{0}“ löschen</translation>
    </message>
    <message>
        <source>Import from a file…</source>
        <translation>Aus einer Datei importieren…</translation>
    </message>
    <message>
        <source>Export to a file…</source>
        <translation>In eine Datei exportieren…</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
</context>
<context>
    <name>PresetController</name>
    <message>
        <source>The preset could not be kept: {0}.</source>
        <translation>Das Preset konnte nicht gesichert werden: {0}.</translation>
    </message>
    <message>
        <source>There is a preset “{0}” already.</source>
        <translation>Es gibt schon ein Preset „{0}“.</translation>
    </message>
    <message>
        <source>The preset could not be renamed: {0}.</source>
        <translation>Das Preset konnte nicht umbenannt werden: {0}.</translation>
    </message>
    <message>
        <source>The preset could not be deleted: {0}.</source>
        <translation>Das Preset konnte nicht gelöscht werden: {0}.</translation>
    </message>
    <message>
        <source>“{0}” is imported and chosen for this chat.</source>
        <translation>„{0}“ ist importiert und für diesen Chat gewählt.</translation>
    </message>
    <message>
        <source>{0} could not be written: {1}.</source>
        <translation>{0} konnte nicht geschrieben werden: {1}.</translation>
    </message>
    <message>
        <source>“{0}” is saved as {1}.</source>
        <translation>„{0}“ ist als {1} gesichert.</translation>
    </message>
</context>
<context>
    <name>ProgressCard</name>
    <message>
        <source>Progress of the conversion</source>
        <translation>Fortschritt der Umwandlung</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Ends after the block in hand, so that nothing is done twice.</source>
        <translation>Endet nach dem laufenden Block, damit nichts doppelt getan wird.</translation>
    </message>
    <message>
        <source>Pause at once</source>
        <translation>Sofort anhalten</translation>
    </message>
    <message>
        <source>The block in hand is done again later.</source>
        <translation>Der laufende Block wird später noch einmal getan.</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Cancel…</source>
        <translation>Abbrechen …</translation>
    </message>
    <message>
        <source>Load it</source>
        <translation>Laden</translation>
    </message>
    <message>
        <source>Convert another</source>
        <translation>Ein anderes umwandeln</translation>
    </message>
    <message>
        <source>All tensors</source>
        <translation>Alle Tensoren</translation>
    </message>
    <message>
        <source>{0} bits, from {1}</source>
        <translation>{0} Bit, aus {1}</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal</translation>
    </message>
    <message>
        <source>Conversion</source>
        <translation>Umwandlung</translation>
    </message>
    <message>
        <source>Error by block</source>
        <translation>Fehler nach Block</translation>
    </message>
</context>
<context>
    <name>Rail</name>
    <message>
        <source>Menu</source>
        <translation>Menü</translation>
    </message>
    <message>
        <source>Help</source>
        <translation>Hilfe</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>Downloads</translation>
    </message>
    <message>
        <source>Convert</source>
        <translation>Umwandeln</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
</context>
<context>
    <name>RateCard</name>
    <message>
        <source>Bits for each weight</source>
        <translation>Bits je Gewicht</translation>
    </message>
    <message>
        <source>1 to 8: more is more exact and larger; 3 to 5 is usual.</source>
        <translation>1 bis 8: Mehr ist genauer und größer; üblich sind 3 bis 5.</translation>
    </message>
    <message>
        <source>Bits for each weight, exactly</source>
        <translation>Bits je Gewicht, genau</translation>
    </message>
    <message>
        <source>Take the best bitrate for this card</source>
        <translation>Die beste Bitrate für diese Karte nehmen</translation>
    </message>
    <message>
        <source>Plan for</source>
        <translation>Planen für</translation>
    </message>
    <message>
        <source>The card that the result is to fit.</source>
        <translation>Die Karte, auf die das Ergebnis passen soll.</translation>
    </message>
    <message>
        <source>Memory in parts</source>
        <translation>Speicher in Teilen</translation>
    </message>
    <message>
        <source>Advanced</source>
        <translation>Erweitert</translation>
    </message>
    <message>
        <source>Output head</source>
        <translation>Ausgabekopf</translation>
    </message>
    <message>
        <source>Bits of the last matrix, 4 to 8, or as it is; 6 is usual.</source>
        <translation>Bits der letzten Matrix, 4 bis 8 oder unverändert; üblich sind 6.</translation>
    </message>
    <message>
        <source>as it is (16 bits)</source>
        <translation>unverändert (16 Bit)</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>Codebook</source>
        <translation>Codebuch</translation>
    </message>
    <message>
        <source>How values are made of bits: mul1 is usual; the others are for older programs.</source>
        <translation>Wie aus Bits Werte werden: Üblich ist mul1; die anderen sind für ältere Programme.</translation>
    </message>
    <message>
        <source>Choose bits by measuring</source>
        <translation>Bits durch Messen wählen</translation>
    </message>
    <message>
        <source>Measures which tensors need more bits: better at the same size, and takes longer.</source>
        <translation>Misst, welche Tensoren mehr Bits brauchen: besser bei gleicher Größe, dauert länger.</translation>
    </message>
    <message>
        <source>Use the usual texts</source>
        <translation>Die üblichen Texte verwenden</translation>
    </message>
    <message>
        <source>The model&apos;s own text, where memory allows, and built-in texts</source>
        <translation>Text des Modells selbst, wenn der Speicher reicht, und mitgelieferte Texte</translation>
    </message>
    <message>
        <source>Best for this card: {0} bits</source>
        <translation>Das Beste für diese Karte: {0} Bit</translation>
    </message>
    <message>
        <source>Another text…</source>
        <translation>Anderer Text …</translation>
    </message>
    <message>
        <source>A folder of texts…</source>
        <translation>Ein Ordner mit Texten …</translation>
    </message>
    <message>
        <source>Calibration</source>
        <translation>Kalibrierung</translation>
    </message>
    <message>
        <source>bits</source>
        <translation>Bit</translation>
    </message>
    <message>
        <source>Bitrate</source>
        <translation>Bitrate</translation>
    </message>
</context>
<context>
    <name>ReplyMessage</name>
    <message>
        <source>Reading your message…</source>
        <translation>Deine Nachricht wird gelesen…</translation>
    </message>
    <message>
        <source>Reading the prompt: {0} of {1} tokens</source>
        <translation>Der Prompt wird gelesen: {0} von {1} Token</translation>
    </message>
    <message>
        <source>Looking at the image</source>
        <translation>Das Bild wird angesehen</translation>
    </message>
    <message>
        <source>Looking at {0} of {1} images</source>
        <translation>Bild {0} von {1} wird angesehen</translation>
    </message>
    <message>
        <source>Seed {0}</source>
        <translation>Seed {0}</translation>
    </message>
    <message>
        <source>The model that wrote this cannot see the images of earlier messages.</source>
        <translation>Das Modell, das dies schrieb, kann die Bilder früherer Nachrichten nicht sehen.</translation>
    </message>
    <message>
        <source>interrupted</source>
        <translation>unterbrochen</translation>
    </message>
    <message>
        <source>Edit your message</source>
        <translation>Nachricht bearbeiten</translation>
    </message>
    <message>
        <source>Choose a larger context</source>
        <translation>Größeren Kontext wählen</translation>
    </message>
    <message>
        <source>Leave out the oldest messages</source>
        <translation>Die ältesten Nachrichten weglassen</translation>
    </message>
    <message>
        <source>stopped by itself</source>
        <translation>von selbst geendet</translation>
    </message>
    <message>
        <source>stopped at a stop text</source>
        <translation>an einem Stopptext angehalten</translation>
    </message>
    <message>
        <source>reached the token limit</source>
        <translation>Token-Grenze erreicht</translation>
    </message>
    <message>
        <source>stopped by you</source>
        <translation>von dir angehalten</translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 Token</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} Token</translation>
    </message>
    <message>
        <source>{0} tok/s</source>
        <translation>{0} Tok/s</translation>
    </message>
    <message>
        <source>first token {0} s</source>
        <translation>erstes Token {0} s</translation>
    </message>
    <message>
        <source>1 image not seen</source>
        <translation>1 Bild nicht gesehen</translation>
    </message>
    <message>
        <source>{0} images not seen</source>
        <translation>{0} Bilder nicht gesehen</translation>
    </message>
</context>
<context>
    <name>Restart</name>
    <message>
        <source>The system did not start Espalier again. Please start it yourself.</source>
        <translation>Das System hat Espalier nicht neu gestartet. Bitte starte es selbst.</translation>
    </message>
    <message>
        <source>The reply that is being written stops; what there is of it is kept.</source>
        <translation>Die Antwort, die gerade geschrieben wird, endet; was von ihr da ist, bleibt.</translation>
    </message>
    <message>
        <source>Restart now?</source>
        <translation>Jetzt neu starten?</translation>
    </message>
    <message>
        <source>Restart</source>
        <translation>Neu starten</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Nicht jetzt</translation>
    </message>
</context>
<context>
    <name>ResultList</name>
    <message>
        <source>Show the most downloaded</source>
        <translation>Meistgeladene zeigen</translation>
    </message>
    <message>
        <source>Asks the hub for the EXL3 models that are downloaded most.</source>
        <translation>Fragt den Hub nach den EXL3-Modellen, die am meisten heruntergeladen werden.</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Offline: the hub is not asked. This list and the models on this computer work all the same.</source>
        <translation>Offline: Der Hub wird nicht gefragt. Diese Liste und die Modelle auf diesem Computer gehen trotzdem.</translation>
    </message>
    <message>
        <source>Models to start with. Nothing is asked of the hub until you search.</source>
        <translation>Modelle für den Anfang. Der Hub wird nichts gefragt, bis du suchst.</translation>
    </message>
    <message>
        <source>{0}, {1} hidden by the filters</source>
        <translation>{0}, {1} von den Filtern verborgen</translation>
    </message>
    <message>
        <source>{0} models were found, and the filters hide all of them.</source>
        <translation>{0} Modelle wurden gefunden, und die Filter verbergen alle.</translation>
    </message>
    <message>
        <source>Clear the filters</source>
        <translation>Filter aufheben</translation>
    </message>
    <message>
        <source>Show models to start with</source>
        <translation>Modelle für den Anfang zeigen</translation>
    </message>
    <message>
        <source>Reading the list…</source>
        <translation>Die Liste wird gelesen…</translation>
    </message>
    <message>
        <source>Searching for “{0}”…</source>
        <translation>„{0}“ wird gesucht…</translation>
    </message>
    <message>
        <source>Asking the hub…</source>
        <translation>Der Hub wird gefragt…</translation>
    </message>
    <message>
        <source>{0} has no EXL3 model with “{1}” in its name.</source>
        <translation>{0} hat kein EXL3-Modell mit „{1}“ im Namen.</translation>
    </message>
    <message>
        <source>No EXL3 model with “{0}” in its name was found. Fewer words find more: “qwen3”, for instance.</source>
        <translation>Es wurde kein EXL3-Modell mit „{0}“ im Namen gefunden. Weniger Wörter finden mehr: „qwen3“ zum Beispiel.</translation>
    </message>
    <message>
        <source>1 model</source>
        <translation>1 Modell</translation>
    </message>
    <message>
        <source>{0} models</source>
        <translation>{0} Modelle</translation>
    </message>
</context>
<context>
    <name>SamplingPanel</name>
    <message>
        <source>Simple</source>
        <translation>Einfach</translation>
    </message>
    <message>
        <source>Advanced</source>
        <translation>Erweitert</translation>
    </message>
    <message>
        <source>The five settings that most people want</source>
        <translation>Die fünf Einstellungen, die die meisten brauchen</translation>
    </message>
    <message>
        <source>Every setting there is</source>
        <translation>Alle Einstellungen, die es gibt</translation>
    </message>
    <message>
        <source>Back to defaults</source>
        <translation>Zurück zu den Vorgaben</translation>
    </message>
    <message>
        <source>Keep for this model</source>
        <translation>Für dieses Modell behalten</translation>
    </message>
    <message>
        <source>New chats with this model begin with these settings and system prompt</source>
        <translation>Neue Chats mit diesem Modell beginnen mit diesen Einstellungen und diesem System-Prompt</translation>
    </message>
    <message>
        <source>Use the model&apos;s own</source>
        <translation>Die des Modells benutzen</translation>
    </message>
    <message>
        <source>New chats begin as the model itself recommends</source>
        <translation>Neue Chats beginnen, wie das Modell selbst empfiehlt</translation>
    </message>
    <message>
        <source>Default</source>
        <translation>Vorgabe</translation>
    </message>
    <message>
        <source>Kept for this model</source>
        <translation>Für dieses Modell behalten</translation>
    </message>
    <message>
        <source>The model&apos;s own</source>
        <translation>Vom Modell selbst</translation>
    </message>
    <message>
        <source>The last reply had seed {0}.</source>
        <translation>Die letzte Antwort hatte den Seed {0}.</translation>
    </message>
    <message>
        <source>The choice of each token</source>
        <translation>Die Wahl jedes Tokens</translation>
    </message>
    <message>
        <source>Repetition</source>
        <translation>Wiederholungen</translation>
    </message>
    <message>
        <source>The end of a reply</source>
        <translation>Das Ende einer Antwort</translation>
    </message>
    <message>
        <source>Seed of the last reply</source>
        <translation>Seed der letzten Antwort</translation>
    </message>
    <message>
        <source>Use it again</source>
        <translation>Wieder benutzen</translation>
    </message>
    <message>
        <source>Random</source>
        <translation>Zufällig</translation>
    </message>
    <message>
        <source>The same seed, prompt and settings give the same reply</source>
        <translation>Gleicher Seed, Prompt und gleiche Einstellungen geben die gleiche Antwort</translation>
    </message>
    <message>
        <source>Every reply gets a seed of its own</source>
        <translation>Jede Antwort bekommt einen eigenen Seed</translation>
    </message>
    <message>
        <source>This chat has settings of its own.</source>
        <translation>Dieser Chat hat eigene Einstellungen.</translation>
    </message>
    <message>
        <source>These are the settings that you keep for {0}.</source>
        <translation>Das sind deine eigenen Einstellungen zu {0}.</translation>
    </message>
    <message>
        <source>These are the settings that {0} recommends.</source>
        <translation>Diese Einstellungen werden von {0} empfohlen.</translation>
    </message>
    <message>
        <source>These are the usual settings.</source>
        <translation>Das sind die üblichen Einstellungen.</translation>
    </message>
</context>
<context>
    <name>SettingRow</name>
    <message>
        <source>Reset “{0}”</source>
        <translation>„{0}“ zurücksetzen</translation>
    </message>
    <message>
        <source>{0}: smaller</source>
        <translation>{0}: kleiner</translation>
    </message>
    <message>
        <source>{0}: larger</source>
        <translation>{0}: größer</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>131,072 tokens</source>
        <translation>131.072 Token</translation>
    </message>
    <message>
        <source>16 bits</source>
        <translation>16 Bit</translation>
    </message>
    <message>
        <source>16,384 tokens</source>
        <translation>16.384 Token</translation>
    </message>
    <message>
        <source>2,048 tokens</source>
        <translation>2.048 Token</translation>
    </message>
    <message>
        <source>262,144 tokens</source>
        <translation>262.144 Token</translation>
    </message>
    <message>
        <source>32,768 tokens</source>
        <translation>32.768 Token</translation>
    </message>
    <message>
        <source>4 bits</source>
        <translation>4 Bit</translation>
    </message>
    <message>
        <source>4,096 tokens</source>
        <translation>4.096 Token</translation>
    </message>
    <message>
        <source>6 bits</source>
        <translation>6 Bit</translation>
    </message>
    <message>
        <source>65,536 tokens</source>
        <translation>65.536 Token</translation>
    </message>
    <message>
        <source>8 bits</source>
        <translation>8 Bit</translation>
    </message>
    <message>
        <source>8,192 tokens</source>
        <translation>8.192 Token</translation>
    </message>
    <message>
        <source>A mirror of the hub, or empty for the hub itself.</source>
        <translation>Ein Spiegel des Hubs; leer steht für den Hub selbst.</translation>
    </message>
    <message>
        <source>Address of the hub</source>
        <translation>Adresse des Hubs</translation>
    </message>
    <message>
        <source>After 10 minutes</source>
        <translation>Nach 10 Minuten</translation>
    </message>
    <message>
        <source>After 30 minutes</source>
        <translation>Nach 30 Minuten</translation>
    </message>
    <message>
        <source>After 5 minutes</source>
        <translation>Nach 5 Minuten</translation>
    </message>
    <message>
        <source>After 60 minutes</source>
        <translation>Nach 60 Minuten</translation>
    </message>
    <message>
        <source>An HTTP proxy for everything that is fetched, or empty for the system&apos;s.</source>
        <translation>Ein HTTP-Proxy für alles, was geholt wird; leer steht für den des Systems.</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>Fragen</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>Bits of each number that a conversation keeps on the card: 8 take half the room of 16 and are hardly less exact.</source>
        <translation>Bits jeder Zahl, die ein Gespräch auf der Karte behält: 8 brauchen halb so viel Platz wie 16 und sind kaum ungenauer.</translation>
    </message>
    <message>
        <source>Cache</source>
        <translation>Cache</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>Chats</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Kontext</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>Deutsch</source>
        <translation>Deutsch</translation>
    </message>
    <message>
        <source>Do not send</source>
        <translation>Nicht senden</translation>
    </message>
    <message>
        <source>English</source>
        <translation>English</translation>
    </message>
    <message>
        <source>Exact sums</source>
        <translation>Exakte Summen</translation>
    </message>
    <message>
        <source>Free the card when idle</source>
        <translation>Karte bei Leerlauf freigeben</translation>
    </message>
    <message>
        <source>How large messages and the text you write are; 100 % is the size of the rest. Ctrl and plus or minus change it anywhere.</source>
        <translation>Wie groß Nachrichten und der Text sind, den du schreibst; 100 % ist die Größe des Übrigen. Strg mit Plus oder Minus ändert sie überall.</translation>
    </message>
    <message>
        <source>How many downloads run side by side, 1 to 4.</source>
        <translation>Wie viele Downloads nebeneinander laufen, 1 bis 4.</translation>
    </message>
    <message>
        <source>How many tokens of conversation a model has room for; more needs more memory. Models with settings of their own keep these.</source>
        <translation>Für wie viele Token Gespräch ein Modell Platz hat; mehr braucht mehr Speicher. Modelle mit eigenen Einstellungen behalten diese.</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Leave out the oldest turns</source>
        <translation>Die ältesten Runden weglassen</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Load the last model</source>
        <translation>Letztes Modell laden</translation>
    </message>
    <message>
        <source>Loading models</source>
        <translation>Modelle laden</translation>
    </message>
    <message>
        <source>Loads the model that was used last when the window opens.</source>
        <translation>Lädt beim Öffnen des Fensters das zuletzt benutzte Modell.</translation>
    </message>
    <message>
        <source>Look</source>
        <translation>Aussehen</translation>
    </message>
    <message>
        <source>Models at a time</source>
        <translation>Modelle auf einmal</translation>
    </message>
    <message>
        <source>Never</source>
        <translation>Nie</translation>
    </message>
    <message>
        <source>Nothing is asked of any server while this is on.</source>
        <translation>Solange dies an ist, wird kein Server etwas gefragt.</translation>
    </message>
    <message>
        <source>Offline</source>
        <translation>Offline</translation>
    </message>
    <message>
        <source>Open the last chat</source>
        <translation>Letzten Chat öffnen</translation>
    </message>
    <message>
        <source>Own server</source>
        <translation>Eigener Server</translation>
    </message>
    <message>
        <source>Proxy</source>
        <translation>Proxy</translation>
    </message>
    <message>
        <source>Shows the chat that was open last when the window opens, else a new one.</source>
        <translation>Zeigt beim Öffnen des Fensters den zuletzt offenen Chat, sonst einen neuen.</translation>
    </message>
    <message>
        <source>Start and idle</source>
        <translation>Start und Leerlauf</translation>
    </message>
    <message>
        <source>Switched off, a single reply is faster on a card and very slightly less exact.</source>
        <translation>Ausgeschaltet ist eine einzelne Antwort auf einer Karte schneller und ganz wenig ungenauer.</translation>
    </message>
    <message>
        <source>System</source>
        <translation>System</translation>
    </message>
    <message>
        <source>Text size of messages</source>
        <translation>Textgröße der Nachrichten</translation>
    </message>
    <message>
        <source>The colours of the window; System follows the light or dark mode of this computer.</source>
        <translation>Die Farben des Fensters; System folgt dem hellen oder dunklen Modus dieses Computers.</translation>
    </message>
    <message>
        <source>The hub</source>
        <translation>Der Hub</translation>
    </message>
    <message>
        <source>The language of the window; System takes that of this computer.</source>
        <translation>Die Sprache des Fensters; System nimmt die dieses Computers.</translation>
    </message>
    <message>
        <source>The server at that address is yours and may have the access token.</source>
        <translation>Der Server an dieser Adresse ist deiner und darf das Zugangs-Token bekommen.</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>Farbschema</translation>
    </message>
    <message>
        <source>Unloads a model that nobody has written to for this long, so that other programs have the memory; it is loaded again when you write.</source>
        <translation>Entlädt ein Modell, dem so lange niemand geschrieben hat, damit andere Programme den Speicher haben; es wird wieder geladen, wenn du schreibst.</translation>
    </message>
    <message>
        <source>What happens to a message that does not fit the context: you are asked, the oldest turns are left out (the system prompt stays), or it is not sent.</source>
        <translation>Was mit einer Nachricht geschieht, die nicht in den Kontext passt: Du wirst gefragt, die ältesten Runden werden weggelassen (der System-Prompt bleibt), oder sie wird nicht gesendet.</translation>
    </message>
    <message>
        <source>When a chat is full</source>
        <translation>Wenn ein Chat voll ist</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Search the settings</source>
        <translation>Einstellung suchen</translation>
    </message>
    <message>
        <source>Reset all</source>
        <translation>Alle zurücksetzen</translation>
    </message>
    <message>
        <source>This window keeps its language until the program is started again.</source>
        <translation>Dieses Fenster behält seine Sprache, bis das Programm neu gestartet wird.</translation>
    </message>
    <message>
        <source>Restart now</source>
        <translation>Jetzt neu starten</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Your data</source>
        <translation>Deine Daten</translation>
    </message>
    <message>
        <source>Conversations and settings stay in this folder on this computer. None of it is sent anywhere.</source>
        <translation>Gespräche und Einstellungen bleiben in diesem Ordner auf diesem Computer. Nichts davon wird irgendwohin gesendet.</translation>
    </message>
    <message>
        <source>Portable: a file named “portable” lies beside the program, so everything stays in its folder.</source>
        <translation>Portabel: Eine Datei namens „portable“ liegt neben dem Programm, daher bleibt alles in seinem Ordner.</translation>
    </message>
    <message>
        <source>For a portable copy, put an empty file named “portable” beside main.py and start again.</source>
        <translation>Für eine portable Kopie lege eine leere Datei namens „portable“ neben main.py und starte neu.</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>No setting has these words</source>
        <translation>Keine Einstellung hat diese Wörter</translation>
    </message>
    <message>
        <source>Show all settings</source>
        <translation>Alle Einstellungen zeigen</translation>
    </message>
</context>
<context>
    <name>SettingsWiring</name>
    <message>
        <source>All settings are as they were at the first start. Chats, models and the token are untouched.</source>
        <translation>Alle Einstellungen sind wie beim ersten Start. Chats, Modelle und das Token bleiben unberührt.</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
</context>
<context>
    <name>SightNotice</name>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>SourceCard</name>
    <message>
        <source>Choose a folder…</source>
        <translation>Ordner wählen …</translation>
    </message>
    <message>
        <source>Find a model</source>
        <translation>Modell finden</translation>
    </message>
    <message>
        <source>Original model</source>
        <translation>Originalmodell</translation>
    </message>
    <message>
        <source>A folder with a model in fp16, bf16 or fp32, as its makers publish it. You can also drop it here.</source>
        <translation>Ein Ordner mit einem Modell in fp16, bf16 oder fp32, wie es seine Hersteller veröffentlichen. Du kannst ihn auch hier ablegen.</translation>
    </message>
    <message>
        <source>Reading…</source>
        <translation>Liest …</translation>
    </message>
    <message>
        <source>Choose another…</source>
        <translation>Anderen wählen …</translation>
    </message>
    <message>
        <source>Choose another folder</source>
        <translation>Anderen Ordner wählen</translation>
    </message>
</context>
<context>
    <name>SpeedGraph</name>
    <message>
        <source>Speed, lately</source>
        <translation>Geschwindigkeit zuletzt</translation>
    </message>
    <message>
        <source>At most {0} tokens per second</source>
        <translation>Höchstens {0} Token pro Sekunde</translation>
    </message>
</context>
<context>
    <name>StartCard</name>
    <message>
        <source>Another folder…</source>
        <translation>Anderer Ordner …</translation>
    </message>
    <message>
        <source>Name of the result</source>
        <translation>Name des Ergebnisses</translation>
    </message>
    <message>
        <source>Unload it</source>
        <translation>Entladen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>Starten</translation>
    </message>
    <message>
        <source>Start the conversion</source>
        <translation>Umwandlung starten</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>Ergebnis</translation>
    </message>
</context>
<context>
    <name>Starters</name>
    <message>
        <source>A large model for writing and knowledge; tight on 24 GB, at home from 48 GB on.</source>
        <translation>Ein großes Modell zum Schreiben und mit viel Wissen; knapp auf 24 GB, zu Hause ab 48 GB.</translation>
    </message>
    <message>
        <source>Answers without long thinking; good with tables, JSON and many languages.</source>
        <translation>Antwortet ohne langes Nachdenken; gut mit Tabellen, JSON und vielen Sprachen.</translation>
    </message>
    <message>
        <source>Much stronger at reasoning and code; fits cards of 16 GB at low rates and of 24 GB at 4 bits.</source>
        <translation>Viel stärker im Schließen und bei Code; passt knapp auf 16 GB und mit 4 Bit auf 24 GB.</translation>
    </message>
    <message>
        <source>Plain conversation and writing, with room for long texts on a card of 12 GB.</source>
        <translation>Einfaches Gespräch und Schreiben, mit Platz für lange Texte auf einer Karte mit 12 GB.</translation>
    </message>
    <message>
        <source>Small and quick, for short questions and for trying things out; runs beside a game.</source>
        <translation>Klein und schnell, für kurze Fragen und zum Ausprobieren; läuft neben einem Spiel.</translation>
    </message>
    <message>
        <source>Thinks before it answers when asked to; a good all-rounder for cards of 8 GB.</source>
        <translation>Denkt auf Wunsch vor der Antwort nach; ein guter Alleskönner für Karten mit 8 GB.</translation>
    </message>
</context>
<context>
    <name>StatusStrip</name>
    <message>
        <source>Memory used</source>
        <translation>Benutzter Speicher</translation>
    </message>
    <message>
        <source>No model loaded</source>
        <translation>Kein Modell geladen</translation>
    </message>
    <message>
        <source>{0} tok/s</source>
        <translation>{0} Tok/s</translation>
    </message>
    <message>
        <source>RAM {0}</source>
        <translation>RAM {0}</translation>
    </message>
    <message>
        <source>This program holds {0} of it</source>
        <translation>Dieses Programm hält {0} davon</translation>
    </message>
    <message>
        <source>{0}, {1} of it by other programs</source>
        <translation>{0}, {1} davon durch andere Programme</translation>
    </message>
    <message>
        <source>GPU {0} %</source>
        <translation>GPU {0} %</translation>
    </message>
</context>
<context>
    <name>TensorTable</name>
    <message>
        <source>Part</source>
        <translation>Teil</translation>
    </message>
    <message>
        <source>Tensor</source>
        <translation>Tensor</translation>
    </message>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Error</source>
        <translation>Fehler</translation>
    </message>
</context>
<context>
    <name>TensorView</name>
    <message>
        <source>Tensors</source>
        <translation>Tensoren</translation>
    </message>
    <message>
        <source>Bits and error of every tensor</source>
        <translation>Bits und Fehler jedes Tensors</translation>
    </message>
</context>
<context>
    <name>TextBlock</name>
    <message>
        <source>Message text</source>
        <translation>Text der Nachricht</translation>
    </message>
</context>
<context>
    <name>ThinkingFold</name>
    <message>
        <source>Thinking…</source>
        <translation>Denkt nach…</translation>
    </message>
    <message>
        <source>Thought, {0} words</source>
        <translation>Nachgedacht, {0} Wörter</translation>
    </message>
    <message>
        <source>Thought for less than a second</source>
        <translation>Weniger als eine Sekunde nachgedacht</translation>
    </message>
    <message>
        <source>Thought for {0} s</source>
        <translation>{0} s nachgedacht</translation>
    </message>
    <message>
        <source>Thought for {0} min {1} s</source>
        <translation>{0} min {1} s nachgedacht</translation>
    </message>
    <message>
        <source>unfolded</source>
        <translation>aufgeklappt</translation>
    </message>
    <message>
        <source>folded</source>
        <translation>zugeklappt</translation>
    </message>
</context>
<context>
    <name>Transcript</name>
    <message>
        <source>Conversation</source>
        <translation>Gespräch</translation>
    </message>
    <message>
        <source>Reply failed</source>
        <translation>Antwort gescheitert</translation>
    </message>
    <message>
        <source>Reply finished</source>
        <translation>Antwort fertig</translation>
    </message>
    <message>
        <source>Jump to latest</source>
        <translation>Zum Neuesten</translation>
    </message>
</context>
<context>
    <name>UserMessage</name>
    <message>
        <source>1 image</source>
        <translation>1 Bild</translation>
    </message>
    <message>
        <source>{0} images</source>
        <translation>{0} Bilder</translation>
    </message>
</context>
<context>
    <name>VariantTable</name>
    <message>
        <source>fp16</source>
        <translation>fp16</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>Variant</source>
        <translation>Variante</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Herunterladen</translation>
    </message>
    <message>
        <source>Context
{0}</source>
        <translation>Kontext
{0}</translation>
    </message>
    <message>
        <source>With 8k context</source>
        <translation>Mit 8k Kontext</translation>
    </message>
    <message>
        <source>Bits for each weight: more is more exact and larger.</source>
        <translation>Bits für jedes Gewicht: mehr ist genauer und größer.</translation>
    </message>
    <message>
        <source>What is fetched from the hub.</source>
        <translation>Was vom Hub geholt wird.</translation>
    </message>
    <message>
        <source>The longest context that fits with a cache of {0}.</source>
        <translation>Der längste Kontext, der mit einem Cache mit {0} passt.</translation>
    </message>
    <message>
        <source>Whether it fits the card with a context of 8k and an fp16 cache.</source>
        <translation>Ob es mit einem Kontext von 8k und einem fp16-Cache auf die Karte passt.</translation>
    </message>
    <message>
        <source>{0}, recommended</source>
        <translation>{0}, empfohlen</translation>
    </message>
    <message>
        <source>, head with {0} bits</source>
        <translation>, Kopf mit {0} Bit</translation>
    </message>
    <message>
        <source>Branch {0}{1}</source>
        <translation>Zweig {0}{1}</translation>
    </message>
</context>
<context>
    <name>VariantView</name>
    <message>
        <source>Variants</source>
        <translation>Varianten</translation>
    </message>
</context>
<context>
    <name>Verdicts</name>
    <message>
        <source>Fits</source>
        <translation>Passt</translation>
    </message>
    <message>
        <source>Fits easily</source>
        <translation>Passt gut</translation>
    </message>
    <message>
        <source>Tight</source>
        <translation>Knapp</translation>
    </message>
    <message>
        <source>Too big</source>
        <translation>Zu groß</translation>
    </message>
    <message>
        <source>Weights only</source>
        <translation>Nur Gewichte</translation>
    </message>
    <message>
        <source>{0} needed, {1} free, estimate ± {2}</source>
        <translation>{0} gebraucht, {1} frei, Schätzung ± {2}</translation>
    </message>
    <message>
        <source>{0} needed, {1} free: {2} missing, estimate ± {3}</source>
        <translation>{0} gebraucht, {1} frei: {2} fehlen, Schätzung ± {3}</translation>
    </message>
</context>
<context>
    <name>VersionSwitch</name>
    <message>
        <source>Version before</source>
        <translation>Frühere Version</translation>
    </message>
    <message>
        <source>Version after</source>
        <translation>Spätere Version</translation>
    </message>
    <message>
        <source>Version {0} of {1}</source>
        <translation>Version {0} von {1}</translation>
    </message>
</context>
<context>
    <name>VramBar</name>
    <message>
        <source>Measured</source>
        <translation>Gemessen</translation>
    </message>
    <message>
        <source>Estimated</source>
        <translation>Geschätzt</translation>
    </message>
    <message>
        <source>Memory of the card, {0}</source>
        <translation>Speicher der Karte, {0}</translation>
    </message>
    <message>
        <source>{0} of {1}: {2}</source>
        <translation>{0} von {1}: {2}</translation>
    </message>
    <message>
        <source>The dashed line is where the card ends.</source>
        <translation>An der gestrichelten Linie endet die Karte.</translation>
    </message>
    <message>
        <source>Point at a part, or press the arrow keys in the bar, to read what it is.</source>
        <translation>Zeige auf einen Teil, oder drücke im Balken die Pfeiltasten, um zu lesen, was er ist.</translation>
    </message>
    <message>
        <source>cache</source>
        <translation>Cache</translation>
    </message>
    <message>
        <source>driver</source>
        <translation>Treiber</translation>
    </message>
    <message>
        <source>free</source>
        <translation>frei</translation>
    </message>
    <message>
        <source>other programs</source>
        <translation>andere Programme</translation>
    </message>
    <message>
        <source>vision</source>
        <translation>Sehen</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>working memory</source>
        <translation>Arbeitsspeicher</translation>
    </message>
</context>
<context>
    <name>VramPlanner</name>
    <message>
        <source>Context</source>
        <translation>Kontext</translation>
    </message>
    <message>
        <source>How many tokens of conversation there is room for, from 1k to what the model was made for.</source>
        <translation>Für wie viele Token Gespräch Platz ist, von 1k bis zu dem, wofür das Modell gemacht ist.</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} Token</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>nicht bekannt</translation>
    </message>
    <message>
        <source>Choose a lower bitrate or a smaller model.</source>
        <translation>Wähle eine niedrigere Bitrate oder ein kleineres Modell.</translation>
    </message>
    <message>
        <source>{0} with an fp16 cache</source>
        <translation>{0} mit fp16-Cache</translation>
    </message>
    <message>
        <source>{0} with {1} bits</source>
        <translation>{0} mit {1} Bit</translation>
    </message>
    <message>
        <source>A context that fits: {0}.</source>
        <translation>Ein Kontext, der passt: {0}.</translation>
    </message>
    <message>
        <source>fp16</source>
        <translation>fp16</translation>
    </message>
    <message>
        <source>{0} bits</source>
        <translation>{0} Bit</translation>
    </message>
    <message>
        <source>Cache with {0}</source>
        <translation>Cache mit {0}</translation>
    </message>
    <message>
        <source>How exactly the conversation so far is held: 4 bits to fp16. Fewer bits, more context.</source>
        <translation>Wie genau das bisherige Gespräch gehalten wird: 4 Bit bis fp16. Weniger Bits, mehr Kontext.</translation>
    </message>
    <message>
        <source>Cache</source>
        <translation>Cache</translation>
    </message>
</context>
<context>
    <name>WindowActions</name>
    <message>
        <source>Move this chat to a folder</source>
        <translation>Diesen Chat in einen Ordner verschieben</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Eingabe</translation>
    </message>
    <message>
        <source>Send the message</source>
        <translation>Nachricht senden</translation>
    </message>
    <message>
        <source>Shift+Enter</source>
        <translation>Umschalt+Eingabe</translation>
    </message>
    <message>
        <source>Start a new line</source>
        <translation>Eine neue Zeile beginnen</translation>
    </message>
    <message>
        <source>Up</source>
        <translation>Pfeil hoch</translation>
    </message>
    <message>
        <source>Edit your last message, from an empty message field</source>
        <translation>Deine letzte Nachricht bearbeiten, aus dem leeren Nachrichtenfeld</translation>
    </message>
    <message>
        <source>Up, Down</source>
        <translation>Pfeil hoch, Pfeil runter</translation>
    </message>
    <message>
        <source>Go from message to message</source>
        <translation>Von Nachricht zu Nachricht gehen</translation>
    </message>
    <message>
        <source>F2, Delete</source>
        <translation>F2, Entf</translation>
    </message>
    <message>
        <source>Rename or delete the selected conversation</source>
        <translation>Das gewählte Gespräch umbenennen oder löschen</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>Stop the reply, or close a sheet</source>
        <translation>Antwort anhalten oder Leiste schließen</translation>
    </message>
    <message>
        <source>Regenerate the last reply</source>
        <translation>Letzte Antwort neu schreiben</translation>
    </message>
    <message>
        <source>Continue the last reply</source>
        <translation>Letzte Antwort fortsetzen</translation>
    </message>
    <message>
        <source>Show the version before</source>
        <translation>Frühere Version zeigen</translation>
    </message>
    <message>
        <source>Show the version after</source>
        <translation>Spätere Version zeigen</translation>
    </message>
    <message>
        <source>Add images to the message</source>
        <translation>Der Nachricht Bilder hinzufügen</translation>
    </message>
    <message>
        <source>Find in this chat</source>
        <translation>In diesem Chat suchen</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>In allen Chats suchen</translation>
    </message>
    <message>
        <source>Undo the last delete or move</source>
        <translation>Letztes Löschen oder Verschieben rückgängig machen</translation>
    </message>
    <message>
        <source>Go to the message field</source>
        <translation>Zum Nachrichtenfeld</translation>
    </message>
    <message>
        <source>Open a model folder</source>
        <translation>Modellordner öffnen</translation>
    </message>
    <message>
        <source>Find a model to download</source>
        <translation>Ein Modell zum Herunterladen finden</translation>
    </message>
    <message>
        <source>Show the models on this computer</source>
        <translation>Modelle auf diesem Computer zeigen</translation>
    </message>
    <message>
        <source>Convert a model to EXL3</source>
        <translation>Ein Modell in EXL3 umwandeln</translation>
    </message>
    <message>
        <source>Pause the conversion</source>
        <translation>Umwandlung anhalten</translation>
    </message>
    <message>
        <source>Resume the conversion</source>
        <translation>Umwandlung fortsetzen</translation>
    </message>
    <message>
        <source>Load the last model again</source>
        <translation>Letztes Modell wieder laden</translation>
    </message>
    <message>
        <source>Load the demo model</source>
        <translation>Demo-Modell laden</translation>
    </message>
    <message>
        <source>Unload the model</source>
        <translation>Modell entladen</translation>
    </message>
    <message>
        <source>Pause all downloads</source>
        <translation>Alle Downloads anhalten</translation>
    </message>
    <message>
        <source>Resume all downloads</source>
        <translation>Alle Downloads fortsetzen</translation>
    </message>
    <message>
        <source>Go to the chat</source>
        <translation>Zum Chat</translation>
    </message>
    <message>
        <source>Go to the models</source>
        <translation>Zu den Modellen</translation>
    </message>
    <message>
        <source>Go to the downloads</source>
        <translation>Zu den Downloads</translation>
    </message>
    <message>
        <source>Go to the conversion</source>
        <translation>Zur Umwandlung</translation>
    </message>
    <message>
        <source>Go to settings</source>
        <translation>Zu den Einstellungen</translation>
    </message>
    <message>
        <source>Show or hide the conversations</source>
        <translation>Gespräche zeigen oder verbergen</translation>
    </message>
    <message>
        <source>Show or hide the side panel</source>
        <translation>Seitenleiste zeigen oder verbergen</translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation>Größerer Text</translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation>Kleinerer Text</translation>
    </message>
    <message>
        <source>Normal text size</source>
        <translation>Normale Textgröße</translation>
    </message>
    <message>
        <source>Use the dark theme</source>
        <translation>Dunkles Farbschema benutzen</translation>
    </message>
    <message>
        <source>Use the light theme</source>
        <translation>Helles Farbschema benutzen</translation>
    </message>
    <message>
        <source>Use the theme of the system</source>
        <translation>Farbschema des Systems benutzen</translation>
    </message>
    <message>
        <source>Find a command</source>
        <translation>Befehl finden</translation>
    </message>
    <message>
        <source>Search the settings</source>
        <translation>Einstellungen durchsuchen</translation>
    </message>
    <message>
        <source>Open the menu</source>
        <translation>Menü öffnen</translation>
    </message>
    <message>
        <source>Show the keyboard shortcuts</source>
        <translation>Tastenkürzel zeigen</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>Fenster schließen</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
</context>
<context>
    <name>_Field</name>
    <message>
        <source>Pasted image</source>
        <translation>Eingefügtes Bild</translation>
    </message>
</context>
<context>
    <name>_Input</name>
    <message>
        <source>Pasted image</source>
        <translation>Eingefügtes Bild</translation>
    </message>
</context>
<context>
    <name>_Rows</name>
    <message>
        <source>Table</source>
        <translation>Tabelle</translation>
    </message>
</context>
<context>
    <name>_Strip</name>
    <message>
        <source>Memory of the card</source>
        <translation>Speicher der Karte</translation>
    </message>
</context>
</TS>
