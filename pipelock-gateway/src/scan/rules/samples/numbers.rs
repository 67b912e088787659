//! Samples of the numbers of persons and bank branches; made up, with right and wrong checksums.

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Social Security Number",
        halves!["SSN: " + "536-22-8145", "social sec" + "urity number 536228145"],
        halves!["SSN: " + "000-22-8145", "SSN: " + "666-22-8145", "SSN: " + "987-65-4321"],
    ),
    samples("US Taxpayer Number", halves!["ITIN " + "912-78-4563"], halves!["ITIN " + "912-38-4563"]),
    samples(
        "US Routing Number",
        halves!["Routing " + "number 021000021"],
        halves!["Routing " + "number 021000022", "routing_" + "number: 110000000"],
    ),
    samples("NHS Number", halves!["NHS num" + "ber 943 476 5919"], halves!["NHS num" + "ber 943 476 5910"]),
    samples("Aadhaar Number", halves!["Aadhaar" + ": 4837 2910 5682"], halves!["Aadhaar" + ": 4837 2910 5683"]),
    samples(
        "Canadian Social Insurance Number",
        halves!["social ins" + "urance number 730-458-916"],
        halves!["social ins" + "urance number 730-458-900"],
    ),
    samples("Brazilian CPF", halves!["CPF 52" + "9.982.247-25"], halves!["CPF 52" + "9.982.247-32"]),
    samples("German Tax Number", halves!["Steuer-I" + "D 86 095 742 719"], halves!["Steuer-" + "ID 86095742710"]),
    samples("Dutch Citizen Number", halves!["BSN:" + " 193824772"], halves!["BSN:" + " 193824773"]),
    samples("Polish PESEL", halves!["PESEL" + " 85071234567"], halves!["PESEL" + " 85071234568"]),
    samples("Australian Tax File Number", halves!["TFN: " + "486 251 794"], halves!["TFN:" + " 486251795"]),
    samples(
        "Swedish Personal Number",
        halves!["personnu" + "mmer 850709-9813"],
        halves!["personnu" + "mmer 850709-9814"],
    ),
    samples("Norwegian Birth Number", halves!["fodsels" + "nr 15076500565"], halves!["fodsels" + "nr 15076500566"]),
    samples(
        "South African Identity Number",
        halves!["id numb" + "er 8507095009086"],
        halves!["id numb" + "er 8507095009087"],
    ),
    samples("Turkish Identity Number", halves!["TCKN " + "31482956738"], halves!["TCKN " + "31482956739"]),
    samples(
        "French Social Security Number",
        halves!["INSEE 1" + "85077512345608"],
        halves!["INSEE 1" + "85077512345609"],
    ),
    samples(
        "Chinese Identity Number",
        halves!["resident i" + "d 110105198507091239"],
        halves!["resident i" + "d 110105198507091231"],
    ),
    samples(
        "Italian Tax Code",
        halves!["codice fis" + "cale RSSMRA85L09H501X"],
        halves!["codice fis" + "cale RSSMRA85L09H501Y"],
    ),
    samples("Indian PAN", halves!["PAN ca" + "rd ABCPK4567S"], halves!["PAN ca" + "rd ABCXK4567S"]),
    samples(
        "UK National Insurance Number",
        halves!["national i" + "nsurance number JG 10 37 59 A"],
        halves!["national i" + "nsurance number GB 10 37 59 A"],
    ),
    samples("Singaporean NRIC", halves!["NRIC" + " S5821374H"], halves!["NRIC" + " S5821374A"]),
    samples(
        "Spanish Identity Number",
        halves!["DNI " + "48217365G", "NIE " + "X1234567L"],
        halves!["DNI " + "48217365A"],
    ),
];
